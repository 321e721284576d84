//! `orientd model`.

use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub enum ModelCommand {
    /// The models there are
    List,
    /// Use a model from now on
    Use {
        /// `built-in`, the name of a trained model, or a file, which is copied
        #[arg(value_name = "NAME|FILE")]
        name: String,
    },
    /// What a model says about itself
    Show {
        /// [default: the one in use]
        #[arg(value_name = "NAME|FILE")]
        name: Option<String>,
    },
}
