//! `orientd review`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::review::terminal::Graphics;

#[derive(Args, Debug)]
#[command(after_help = "\
The page is for this machine and this person only: the printed address holds a secret. Photos are turned
as `orientd fix` turns them; everything can be put back on the page or by `orientd undo`.

On a server: `orientd review --tty` asks in the terminal, with pictures where it can show them.")]
pub struct ReviewArgs {
    /// Port [default: any free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// Print the address, do not open a browser
    #[arg(long)]
    pub no_open: bool,
    /// Address to listen on; one beyond this machine needs --password-file
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub listen: std::net::IpAddr,
    /// File whose first line is the password that the page asks for (12 characters or more); only you may read it
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Name that the page is also reached by, such as photos.lan or a proxy's; may be repeated
    #[arg(long = "host", value_name = "NAME", value_parser = host_name)]
    pub hosts: Vec<String>,
    /// Here in the terminal, one photo at a time, instead of a page
    #[arg(long, conflicts_with_all = ["port", "no_open", "listen", "password_file", "hosts"])]
    pub tty: bool,
    /// With --tty, how pictures are shown [default: as the terminal can]
    #[arg(long, value_name = "HOW", requires = "tty")]
    pub pictures: Option<Graphics>,
    /// With --tty, which photos come first
    #[arg(
        long,
        value_name = "WHICH",
        default_value = "doubtful",
        requires = "tty",
        hide_default_value = true
    )]
    pub order: ReviewOrder,
}

/// Which photos a person is asked about first.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewOrder {
    /// The most doubtful
    Doubtful,
    /// The surest
    Confident,
}

/// A name as a browser sends it, with or without a port.
fn host_name(text: &str) -> Result<String, String> {
    let (name, port) = text.split_once(':').unwrap_or((text, "80"));
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_name && port.parse::<u16>().is_ok() {
        return Ok(text.to_owned());
    }
    Err("a name like photos.lan, or photos.lan:8443, and no address".to_owned())
}
