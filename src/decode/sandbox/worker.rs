//! The decoding process: takes one file after the other from the scan, until the scan is gone.

use std::fs::File;
use std::io::{self, ErrorKind, IoSliceMut, Read, Seek};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::confine;
use super::protocol::{Look, MAX_BYTES, Reply, Request};
#[cfg(feature = "test-switches")]
use super::test_switch;
use crate::decode::budget::Budget;
use crate::decode::file::{Opened, Tools, decode_file};
use crate::decode::heif::Heif;
use crate::decode::photo::Decoded;
use crate::error::SkipReason;
use crate::ipc;
use orientd_core::orientation::Turn;

/// Runs until the socket, which is standard input, is closed.
///
/// # Errors
/// Returns an error if it cannot be set up, or the other side does not keep to it.
pub fn serve(heif: bool) -> Result<()> {
    confine::settle_in()?;
    #[cfg(feature = "test-switches")]
    let test_switch = test_switch::from_environment();
    let stream = Arc::new(confine::conversation()?);
    // Before the process is confined. Its memory is measured before any file, so that no file is charged for it.
    let heif = if heif { Heif::find() } else { Heif::NotTried };
    let address_space = confine::address_space()?;
    let confinement = confine::confine(heif.is_tried());
    let heif = heif.unless_unsafe(confinement);
    let found = heif.is_tried().then(|| heif.describe());
    send(&stream, &Reply::Ready { confinement, address_space, heif: found })?;
    let asking = Arc::clone(&stream);
    let budget = Budget::asked_for(move |bytes| {
        // If the parent is gone, the loop below notices at the next message.
        drop(send(&asking, &Reply::Needs(bytes)).and_then(|()| Ok(recv(&asking)?)));
    });
    while let Some(request) = recv(&stream)? {
        let request: Look = match serde_json::from_slice(&request)? {
            Request::Look(look) => look,
            Request::Compare { limits, quarters } => {
                let files = [receive_file(&stream)?, receive_file(&stream)?];
                let tools = Tools { limits: &limits, budget: &budget, heif: &heif };
                let compared = compare_files(files, Turn::quarters(quarters), &tools);
                send(
                    &stream,
                    &compared.unwrap_or_else(|skip| Reply::Skipped { format: None, skip }),
                )?;
                continue;
            }
        };
        let file = receive_file(&stream)?;
        #[cfg(feature = "test-switches")]
        if let Some(reply) = test_switch.as_ref().and_then(|switch| switch.act(&request.name)) {
            send(&stream, &reply)?;
            continue;
        }
        let name = Path::new(&request.name);
        let opened = Opened { file: &file, identity: request.identity, name };
        let tools = Tools { limits: &request.limits, budget: &budget, heif: &heif };
        match decode_file(opened, &tools, request.side) {
            Decoded::Skipped { skip: SkipReason::LibraryMissing(_), .. } if !heif.is_tried() => {
                send(&stream, &Reply::NeedsHeif)?;
            }
            decoded => answer(&stream, decoded)?,
        }
    }
    Ok(())
}

fn compare_files(files: [File; 2], turn: Turn, tools: &Tools<'_>) -> Result<Reply, SkipReason> {
    let [old, new] = files.map(read_whole);
    tools.heif.shows_turned(&old?, &new?, turn, tools.limits, tools.budget).map(Reply::Compared)
}

fn read_whole(mut file: File) -> Result<Vec<u8>, SkipReason> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn send(stream: &UnixStream, reply: &Reply) -> Result<()> {
    Ok(ipc::write(stream, &[&serde_json::to_vec(reply)?])?)
}

fn recv(stream: &UnixStream) -> io::Result<Option<Vec<u8>>> {
    ipc::read(stream, MAX_BYTES)
}

fn answer(stream: &UnixStream, decoded: Decoded) -> Result<()> {
    match decoded {
        Decoded::NotAPhoto => send(stream, &Reply::NotAPhoto),
        Decoded::Skipped { format, skip } => send(stream, &Reply::Skipped { format, skip }),
        Decoded::Photo(photo) => {
            let format = photo.format;
            let hash = photo.hash;
            let stored = photo.stored.to_exif();
            let width = photo.width;
            let height = photo.height;
            let taken = photo.taken;
            let caution = photo.caution;
            send(stream, &Reply::Photo { format, width, height, stored, taken, caution, hash })?;
            Ok(ipc::write(stream, &[&photo.picture.pixels])?)
        }
    }
}

/// The descriptor comes with one byte.
fn receive_file(stream: &UnixStream) -> Result<File> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let file = descriptors.next().and_then(|mut descriptors| descriptors.next());
    Ok(file.ok_or(ErrorKind::InvalidData).map_err(io::Error::from).context("no file came")?.into())
}
