//! x
use firstlight_jpeg::*;
fn main(){ let f=std::fs::read(std::env::args().nth(1).unwrap()).unwrap(); let d:u32=std::env::args().nth(2).unwrap().parse().unwrap(); let m=map_scans(&f,&Limits::default()).unwrap(); for _ in 0..20 { let o=DecodeOptions{min_size:(m.width/d,m.height/d),..Default::default()}; let t=std::time::Instant::now(); let x=decode(&f,&o).unwrap(); let a=t.elapsed(); let t=std::time::Instant::now(); let y=decode_planes(&f,&o).unwrap(); eprintln!("{d} {}x{} {:?} planes {:?}",x.width,x.height,a,t.elapsed()); drop(y);} }
