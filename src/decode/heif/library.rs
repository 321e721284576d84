//! libheif's C interface (`libheif/heif.h`, unchanged in these parts since 1.3), by its names.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{null, null_mut};

use libloading::Library as Object;

use crate::error::SkipReason;
use orientd_core::image::rgb::Rgb8;

/// Names of the library, and of the decoder whose version matters.
const LIBHEIF: &str = "libheif.so.1";
const LIBDE265: &str = "libde265.so.0";

/// `heif_colorspace_RGB`, `heif_chroma_interleaved_RGB`, `heif_channel_interleaved`.
const RGB: c_int = 1;
const INTERLEAVED_RGB: c_int = 10;
const INTERLEAVED: c_int = 10;

/// How `heif_suberror_End_of_data` ends a message here.
const END_OF_DATA: &str = ".100)";

/// `heif_error`, given back by value.
#[repr(C)]
struct Error {
    code: c_int,
    subcode: c_int,
    message: *const c_char,
}

/// The beginning of `heif_decoding_options`, which the library allocates and may be longer.
#[repr(C)]
struct Options {
    version: u8,
    ignore_transformations: u8,
}

type Context = *mut c_void;
type Handle = *mut c_void;
type Picture = *mut c_void;

macro_rules! functions {
    ($($name:ident: $kind:ty = $symbol:literal;)*) => {
        /// The functions that are used. They stay valid as long as the library, which is never closed.
        struct Functions { $($name: $kind,)* }

        impl Functions {
            /// # Safety
            /// The library must be libheif: the types are taken from its header.
            unsafe fn find(object: &Object) -> Result<Self, libloading::Error> {
                // SAFETY: the caller's promise.
                unsafe { Ok(Self { $($name: *object.get::<$kind>($symbol)?,)* }) }
            }
        }
    };
}

functions! {
    version: unsafe extern "C" fn() -> *const c_char = b"heif_get_version\0";
    context_alloc: unsafe extern "C" fn() -> Context = b"heif_context_alloc\0";
    context_free: unsafe extern "C" fn(Context) = b"heif_context_free\0";
    limit_sides: unsafe extern "C" fn(Context, c_int) =
        b"heif_context_set_maximum_image_size_limit\0";
    read: unsafe extern "C" fn(Context, *const c_void, usize, *const c_void) -> Error =
        b"heif_context_read_from_memory_without_copy\0";
    primary: unsafe extern "C" fn(Context, *mut Handle) -> Error =
        b"heif_context_get_primary_image_handle\0";
    handle_width: unsafe extern "C" fn(Handle) -> c_int = b"heif_image_handle_get_width\0";
    handle_height: unsafe extern "C" fn(Handle) -> c_int = b"heif_image_handle_get_height\0";
    handle_release: unsafe extern "C" fn(Handle) = b"heif_image_handle_release\0";
    options_alloc: unsafe extern "C" fn() -> *mut Options = b"heif_decoding_options_alloc\0";
    options_free: unsafe extern "C" fn(*mut Options) = b"heif_decoding_options_free\0";
    decode: unsafe extern "C" fn(Handle, *mut Picture, c_int, c_int, *const Options) -> Error =
        b"heif_decode_image\0";
    plane: unsafe extern "C" fn(Picture, c_int, *mut c_int) -> *const u8 =
        b"heif_image_get_plane_readonly\0";
    width: unsafe extern "C" fn(Picture, c_int) -> c_int = b"heif_image_get_width\0";
    height: unsafe extern "C" fn(Picture, c_int) -> c_int = b"heif_image_get_height\0";
    picture_release: unsafe extern "C" fn(Picture) = b"heif_image_release\0";
}

/// How a picture is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Without cropping, too: a few pixels do not change which way is up.
    AsCoded,
    /// As its properties say.
    AsStored,
}

pub(crate) struct LibHeif {
    functions: Functions,
    /// `1.15.1, libde265 1.0.11`
    pub version: String,
}

/// A test may give the name of a library that does not exist.
#[cfg(feature = "test-switches")]
fn name() -> String {
    std::env::var("ORIENTD_TEST_LIBHEIF").unwrap_or_else(|_| LIBHEIF.into())
}

#[cfg(not(feature = "test-switches"))]
fn name() -> String {
    LIBHEIF.into()
}

impl LibHeif {
    /// # Errors
    /// Returns an error if the system has none, or one that is too old to have what is used.
    pub(crate) fn load() -> Result<Self, String> {
        let name = name();
        // SAFETY: a system library, whose initialisers do nothing unusual; this process exists for it.
        let object = unsafe { Object::new(&name) }.map_err(|_| format!("there is no {name}"))?;
        // SAFETY: by its name it is libheif.
        let functions =
            unsafe { Functions::find(&object) }.map_err(|err| format!("it is too old: {err}"))?;
        // Codecs may be plug-ins, to be loaded while files can still be opened (since 1.13).
        type Init = unsafe extern "C" fn(*const c_void) -> Error;
        // SAFETY: as above; a null pointer stands for the default parameters.
        unsafe {
            if let Ok(init) = object.get::<Init>(b"heif_init\0") {
                told((*init)(null()))?;
            }
        }
        // SAFETY: gives back a static string.
        let mut version = unsafe { text((functions.version)()) };
        if let Some(codec) = libde265() {
            version += &format!(", libde265 {codec}");
        }
        // Closing it would unmap code that its threads still run.
        std::mem::forget(object);
        Ok(Self { functions, version })
    }

    /// The primary picture, no side longer than a square of `max_pixels` allows sixteenfold.
    pub(crate) fn decode(
        &self,
        bytes: &[u8],
        max_pixels: u64,
        shown: Shown,
    ) -> Result<Rgb8, SkipReason> {
        let f = &self.functions;
        // SAFETY: every object is released by its guard after its last use, in reverse order of
        // making; `bytes` outlives the context, which keeps a pointer to it.
        unsafe {
            let context = Release((f.context_alloc)(), f.context_free);
            (f.limit_sides)(
                context.0,
                c_int::try_from(max_pixels.isqrt() * 16).unwrap_or(c_int::MAX),
            );
            let start = bytes.as_ptr().cast();
            let length = bytes.len();
            told((f.read)(context.0, start, length, null())).map_err(failed)?;
            let mut handle = null_mut();
            told((f.primary)(context.0, &raw mut handle)).map_err(failed)?;
            let handle = Release(handle, f.handle_release);
            let sides = [(f.handle_width)(handle.0), (f.handle_height)(handle.0)];
            let [width, height] = sides.map(|side| u64::try_from(side).unwrap_or(0));
            if width * height > max_pixels {
                let text = format!("{width}×{height} pixels, more than max_pixels = {max_pixels}");
                return Err(SkipReason::TooLarge(text));
            }
            let options = (f.options_alloc)();
            if options.is_null() {
                return Err(SkipReason::OutOfMemory("libheif got none".into()));
            }
            (*options).ignore_transformations = u8::from(shown == Shown::AsCoded);
            let mut picture = null_mut();
            let result = (f.decode)(handle.0, &raw mut picture, RGB, INTERLEAVED_RGB, options);
            (f.options_free)(options);
            told(result).map_err(failed)?;
            let picture = Release(picture, f.picture_release);
            self.copy(picture.0).ok_or_else(|| SkipReason::Corrupt("libheif gave no pixels".into()))
        }
    }

    /// # Safety
    /// `picture` must be a decoded picture of interleaved RGB.
    unsafe fn copy(&self, picture: Picture) -> Option<Rgb8> {
        let f = &self.functions;
        let mut stride = 0;
        // SAFETY: the library says where its rows are and how long; they stay there until release.
        unsafe {
            let width = usize::try_from((f.width)(picture, INTERLEAVED)).ok()?;
            let height = usize::try_from((f.height)(picture, INTERLEAVED)).ok()?;
            let rows = (f.plane)(picture, INTERLEAVED, &raw mut stride);
            let stride = usize::try_from(stride).ok()?;
            let row_len = width.checked_mul(3)?;
            if rows.is_null() || stride < row_len || row_len == 0 {
                return None;
            }
            let mut pixels = Vec::new();
            pixels.try_reserve_exact(row_len.checked_mul(height)?).ok()?;
            for row in 0..height {
                pixels
                    .extend_from_slice(std::slice::from_raw_parts(rows.add(row * stride), row_len));
            }
            Some(Rgb8 { width, height, pixels })
        }
    }
}

fn failed(text: String) -> SkipReason {
    if text.contains(END_OF_DATA) {
        return SkipReason::Truncated;
    }
    if text.contains("nsupported") {
        SkipReason::UnsupportedFormat(text)
    } else {
        SkipReason::Corrupt(text)
    }
}

/// The version of the HEVC decoder, where it is loaded.
fn libde265() -> Option<String> {
    // SAFETY: as for libheif, which has loaded it already where it uses it.
    unsafe {
        let object = Object::new(LIBDE265).ok()?;
        let version = object.get::<unsafe extern "C" fn() -> *const c_char>(b"de265_get_version\0");
        Some(text((*version.ok()?)()))
    }
}

/// Releases what the library made.
struct Release(*mut c_void, unsafe extern "C" fn(*mut c_void));

impl Drop for Release {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: made by the library, and released once.
            unsafe { (self.1)(self.0) }
        }
    }
}

/// # Safety
/// The message, where there is one, must be the library's.
unsafe fn told(error: Error) -> Result<(), String> {
    if error.code == 0 {
        return Ok(());
    }
    // SAFETY: the caller's promise.
    let message = unsafe { text(error.message) };
    Err(format!("libheif says: {message} ({}.{})", error.code, error.subcode))
}

/// # Safety
/// Null, or a string that ends in a zero.
unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}
