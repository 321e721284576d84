//! Lets the program and its tests find libtorch without LD_LIBRARY_PATH: in the build tree, or at
//! ../lib/orientd beside an installed copy.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/orientd");
    let Some(libtorch) = std::env::var_os("LIBTORCH") else {
        return; // torch-sys has said by now what is missing
    };
    let lib = Path::new(&libtorch).join("lib");
    println!("cargo::rerun-if-changed={}", lib.display());
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    // Nothing in our code names a symbol of libtorch_cuda, so the linker would drop it, and with it
    // the GPU.
    if lib.join("libtorch_cuda.so").exists() {
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo::rustc-link-arg={}", lib.join("libtorch_cuda.so").display());
    }
}
