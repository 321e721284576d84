"""Some thirty files as cameras and programs write them, for a small run of corpus.py."""

import struct

from PIL import Image, PngImagePlugin

XMP = ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
       '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
       'tiff:Orientation="{0}" exif:PixelXDimension="64" exif:PixelYDimension="32"/></rdf:RDF></x:xmpmeta>')


def picture(width, height, mode="RGB"):
    image = Image.new("RGB", (width, height))
    image.putdata([(x * 255 // width, y * 255 // height, 90) for y in range(height) for x in range(width)])
    return image.convert(mode)


def exif(orientation, endian="<"):
    """A TIFF structure of two fields: the orientation and a model."""
    mark = b"II*\0" if endian == "<" else b"MM\0*"
    model = b"Camera One\0"
    fields = struct.pack(endian + "H", 2)
    fields += struct.pack(endian + "HHIHH", 0x0112, 3, 1, orientation, 0)
    fields += struct.pack(endian + "HHII", 0x0110, 2, len(model), 8 + 2 + 24 + 4)
    return b"Exif\0\0" + mark + struct.pack(endian + "I", 8) + fields + struct.pack(endian + "I", 0) + model


def bare_exif(endian="<"):
    """The same without the orientation: a model and the offset of a directory of one field."""
    block = exif(1, endian)
    return block[:6] + block[6:].replace(struct.pack(endian + "HHIHH", 0x0112, 3, 1, 1, 0),
                                         struct.pack(endian + "HHII", 0x0100, 4, 1, 64), 1)


def index(jpeg, second):
    """A JPEG with another behind it, and an index (CIPA DC-007) of both."""
    entries = lambda length, offset: struct.pack("<III4x", 0, length, 0) + struct.pack("<III4x", 0, len(second), offset)
    head = b"MPF\0II*\0" + struct.pack("<IHHHIII", 8, 1, 0xB002, 7, 32, 26, 0)
    length = len(segment(jpeg, 0xE2, head + entries(0, 0)))
    # The segment comes first; its index begins ten bytes on.
    return segment(jpeg, 0xE2, head + entries(length, length - 10)) + second


def segment(jpeg, marker, payload):
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:]


def write(folder):
    even, odd = picture(64, 32), picture(61, 35)
    for orientation in range(1, 9):
        even.save(folder / f"tag{orientation}.jpg", exif=exif(orientation, "<>"[orientation % 2]))
    even.save(folder / "plain.jpg")
    even.save(folder / "progressive.jpg", progressive=True, exif=exif(6))
    picture(64, 32, "L").save(folder / "grey.jpg", exif=exif(1))
    picture(64, 32, "CMYK").save(folder / "cmyk.jpg", exif=exif(1))
    odd.save(folder / "odd.jpg", exif=exif(6))
    for name, sampling in [("444", 0), ("422", 1)]:
        even.save(folder / f"{name}.jpg", subsampling=sampling, exif=exif(8))
    even.save(folder / "xmp.jpg", exif=exif(3), xmp=XMP.format(3).encode())
    plain = (folder / "plain.jpg").read_bytes()
    (folder / "trailing.jpg").write_bytes(plain + b"a film")
    (folder / "mpf.jpg").write_bytes(segment(plain, 0xE2, b"MPF\0rest"))
    (folder / "signed.jpg").write_bytes(segment(plain, 0xEB, b"JP\0\x01c2pa"))
    (folder / "cut.jpg").write_bytes(plain[:len(plain) * 2 // 3])
    even.save(folder / "bare.jpg", exif=bare_exif())
    even.save(folder / "bare_index.jpg", exif=bare_exif(">"))
    (folder / "bare_index.jpg").write_bytes(index((folder / "bare_index.jpg").read_bytes(), plain))
    frame = plain.index(b"\xFF\xC0")
    (folder / "stray.jpg").write_bytes(plain[:frame] + b"\0\1" + plain[frame:])
    (folder / "padded.jpg").write_bytes(plain + b"\0\0\r\n")
    even.save(folder / "bare.png", exif=bare_exif())
    even.save(folder / "bare.webp", exif=bare_exif()[6:])
    even.save(folder / "plain.png")
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.format(8))
    even.save(folder / "tagged.png", exif=exif(8), pnginfo=text)
    picture(64, 32, "RGBA").save(folder / "alpha.webp")
    even.save(folder / "tagged.webp", exif=exif(6)[6:])
    even.save(folder / "lossless.webp", lossless=True)
    even.save(folder / "plain.avif")
    picture(61, 36, "RGBA").save(folder / "turned.avif", exif=exif(6))
    even.save(folder / "tagged.tiff", tiffinfo={274: 6})
    even.save(folder / "plain.tiff")
    picture(64, 32).save(folder / "pages.tiff", save_all=True, append_images=[picture(61, 35)])
    even.save(folder / "a.bmp")
    even.convert("P").save(folder / "a.gif")
