//! Runs the cells given as files or arguments, for trying out.
use std::sync::Arc;
use std::time::Instant;
use sealbook_runtime::*;
use dbutils::protocol::{Request, Response};
struct H;
impl DbutilsHandler for H { fn call(&self, r: Request) -> Response {
  let a: Vec<String> = r.args.iter().map(|a| String::from_utf8_lossy(a).into_owned()).collect();
  match (r.method.as_str(), a.iter().map(String::as_str).collect::<Vec<_>>().as_slice()) {
    ("secrets.get", ["jdbc", "password"]) => Response::Ok(vec![b"planted-pw".to_vec()]),
    ("secrets.get", [s, k]) => Response::Err{code:"RESOURCE_DOES_NOT_EXIST".into(), message: format!("Secret does not exist with scope: {s} and key: {k}")},
    ("secrets.list", _) => Response::Ok(vec![b"password".to_vec(), b"123".to_vec()]),
    ("secrets.list_scopes", _) => Response::Ok(vec![b"jdbc".to_vec(), b"SEALBOOK".to_vec()]),
    ("notebook.exit", _) => Response::Ok(vec![]),
    _ => Response::Err{code:"X".into(), message: r.method},
  } } }
struct P;
impl Host for P {
  fn event(&mut self, e: Event) { match e {
     Event::Stdout(b) => println!("  out {:?}", String::from_utf8_lossy(&b)),
     Event::Stderr(b) => println!("  err {:?}", String::from_utf8_lossy(&b)),
     e => println!("  {e:?}") } }
  fn input(&mut self, r: InputRequest) -> Result<String, InputRefused> { println!("  {r:?}"); if r.prompt == "no" {Err(InputRefused)} else {Ok("ans\nwer".into())} }
}
fn main() {
  sealbook_runtime::runner::hook();
  let t = Instant::now();
  let mut o = Options::new(Arc::new(H));
  o.late_output = Some(Arc::new(|e| println!("  LATE {e:?}")));
  let mut e = EvcxrEngine::start(o).unwrap();
  println!("ready {:?}", t.elapsed());
  let i = e.interrupt();
  for cell in std::env::args().skip(1) {
    if let Some(ms) = cell.strip_prefix("sleep ") { std::thread::sleep(std::time::Duration::from_millis(ms.parse().unwrap())); continue; }
    if let Some(c) = cell.strip_prefix("complete ") { let t = Instant::now(); let r = e.complete(c, c.len()); println!("{:?} {r:?}", t.elapsed()); continue; }
    if let Some(c) = cell.strip_prefix("inspect ") { let t = Instant::now(); let r = e.inspect(c, c.len(), 0); println!("{:?} {r:?}", t.elapsed()); continue; }
    let (cell, intr) = match cell.strip_prefix("int ") { Some(rest) => { let (ms, c) = rest.split_once(' ').unwrap(); (c.to_string(), Some(ms.parse::<u64>().unwrap())) } None => (cell, None) };
    if let Some(ms) = intr { let i = i.clone(); std::thread::spawn(move || { std::thread::sleep(std::time::Duration::from_millis(ms)); i.interrupt(); }); }
    println!("> {cell}");
    let t = Instant::now();
    let r = e.execute(&cell, &mut P);
    println!("{:?} {}", t.elapsed(), match r { Outcome::Ok{..} => format!("{r:?}"), Outcome::Error{ename,evalue,traceback} => format!("{ename} | {evalue}\n{}", traceback.join("\n")), f => format!("{f:?}") });
  }
  let t = Instant::now(); Box::new(e).shutdown(); println!("down {:?}", t.elapsed());
}
