fn main() { orientd_train::x() }
