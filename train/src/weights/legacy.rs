//! Reads a state dict that PyTorch before 1.6 saved: four pickles, then the raw storages. Only the
//! few opcodes such a file needs are known, and nothing in it is ever called.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use tch::{Kind, Tensor};

use super::Tensors;

/// First value of the file, and what PyTorch calls its format.
const MAGIC: &[u8] = &[0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const PROTOCOL: i64 = 1001;

#[derive(Clone, Debug, PartialEq)]
enum Value {
    None,
    Int(i64),
    Bytes(Vec<u8>),
    Text(String),
    /// Module and name of a class or function, and `REDUCE`d calls of one that are not tensors.
    Global(String),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Mark,
    Storage {
        key: String,
        kind: &'static str,
    },
    View {
        key: String,
        kind: &'static str,
        offset: usize,
        shape: Vec<i64>,
        stride: Vec<i64>,
    },
}

pub fn read(path: &Path) -> Result<Tensors> {
    let bytes = std::fs::read(path)?;
    if bytes.starts_with(b"PK") {
        bail!("a zip-format .pth; convert it to safetensors, or save it with the legacy format");
    }
    let mut reader = Reader { bytes: &bytes, at: 0 };
    let magic = reader.pickle().context("not a PyTorch file")?;
    ensure!(magic == Value::Bytes(MAGIC.to_vec()), "not a PyTorch file");
    ensure!(reader.pickle()? == Value::Int(PROTOCOL), "unknown version of the format");
    reader.pickle()?; // sizes and endianness of the machine that wrote it
    let state = reader.pickle()?;
    let Value::List(keys) = reader.pickle()? else { bail!("no list of storages") };
    let mut storages = BTreeMap::new();
    let kinds = storage_kinds(&state)?;
    for key in keys {
        let Value::Text(key) = key else { bail!("a storage without a name") };
        let n = usize::try_from(i64::from_le_bytes(reader.array()?))?;
        let width = if kinds.get(&key) == Some(&"LongStorage") { 8 } else { 4 };
        let n_bytes = n.checked_mul(width).context("a storage too large")?;
        storages.insert(key, reader.take(n_bytes)?);
    }
    let Value::Dict(entries) = state else { bail!("not a state dict") };
    entries.into_iter().map(|(name, value)| tensor(name, value, &storages)).collect()
}

fn storage_kinds(state: &Value) -> Result<BTreeMap<String, &'static str>> {
    let Value::Dict(entries) = state else { bail!("not a state dict") };
    let kinds = entries.iter().filter_map(|(_, value)| match value {
        Value::View { key, kind, .. } => Some((key.clone(), *kind)),
        _ => None,
    });
    Ok(kinds.collect())
}

fn tensor(
    name: Value,
    value: Value,
    storages: &BTreeMap<String, &[u8]>,
) -> Result<(String, Tensor)> {
    let Value::Text(name) = name else { bail!("an entry of the state dict has no name") };
    let Value::View { key, kind, offset, shape, stride } = value else {
        bail!("an entry of the state dict is not a tensor")
    };
    let storage = storages.get(&key).with_context(|| format!("{name} has no storage"))?;
    let (kind, width) = match kind {
        "LongStorage" => (Kind::Int64, 8),
        _ => (Kind::Float, 4),
    };
    // One past the last element that is reached; a tensor may lie in any order in its storage.
    let steps = shape.iter().zip(&stride).map(|(n, step)| usize::try_from((n - 1) * step).ok());
    let reach = steps.sum::<Option<usize>>().and_then(|last| last.checked_add(offset + 1));
    let n_values = storage.len() / width;
    ensure!(reach.is_some_and(|reach| reach <= n_values), "{name} reaches past its storage");
    let values = Tensor::f_from_data_size(storage, &[i64::try_from(n_values)?], kind)?;
    let view = values.f_as_strided(&shape, &stride, i64::try_from(offset)?)?;
    Ok((name, view.contiguous()))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let end = end.context("the file ends early")?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into()?)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn line(&mut self) -> Result<String> {
        let length = self.bytes[self.at..].iter().position(|byte| *byte == b'\n');
        let line = self.take(length.context("the file ends early")?)?;
        self.at += 1;
        Ok(String::from_utf8(line.to_vec())?)
    }

    /// One pickle, up to its STOP.
    fn pickle(&mut self) -> Result<Value> {
        let mut machine = Machine::default();
        loop {
            let opcode = self.byte()?;
            if opcode == b'.' {
                return machine.pop();
            }
            self.step(opcode, &mut machine)
                .with_context(|| format!("pickle opcode {opcode:#04x} at byte {}", self.at - 1))?;
        }
    }

    fn step(&mut self, opcode: u8, machine: &mut Machine) -> Result<()> {
        let value = match opcode {
            0x80 => {
                self.byte()?;
                return Ok(());
            }
            b'N' => Value::None,
            0x88 => Value::Int(1),
            0x89 => Value::Int(0),
            b'K' => Value::Int(self.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
            0x8a => {
                let n = self.byte()?.into();
                long(self.take(n)?)
            }
            b'X' => {
                let n = u32::from_le_bytes(self.array()?) as usize;
                Value::Text(String::from_utf8(self.take(n)?.to_vec())?)
            }
            b'c' => Value::Global(format!("{}.{}", self.line()?, self.line()?)),
            b')' => Value::Tuple(Vec::new()),
            b']' => Value::List(Vec::new()),
            b'}' => Value::Dict(Vec::new()),
            b'(' => Value::Mark,
            b'q' => return machine.remember(self.byte()?.into()),
            b'r' => return machine.remember(u32::from_le_bytes(self.array()?)),
            b'h' => machine.recall(self.byte()?.into())?,
            b'j' => machine.recall(u32::from_le_bytes(self.array()?))?,
            0x85..=0x87 => Value::Tuple(machine.pop_n((opcode - 0x84).into())?),
            b't' => Value::Tuple(machine.pop_to_mark()?),
            b'Q' => storage(machine.pop()?)?,
            b'R' => {
                let arguments = machine.pop()?;
                reduce(machine.pop()?, arguments)?
            }
            b's' | b'u' | b'a' | b'e' | b'b' => return machine.change_top(opcode),
            _ => bail!("not expected in a state dict"),
        };
        machine.stack.push(value);
        Ok(())
    }
}

/// Small little-endian integers; longer ones (the magic number) stay bytes.
fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Bytes(bytes.to_vec());
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut all = [if negative { 0xff } else { 0 }; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(all))
}

/// `('storage', class, key, device, n, view)`, the one kind of persistent id PyTorch writes.
fn storage(id: Value) -> Result<Value> {
    let Value::Tuple(parts) = id else { bail!("an unknown persistent id") };
    let [Value::Text(word), Value::Global(class), Value::Text(key), ..] = parts.as_slice() else {
        bail!("an unknown persistent id")
    };
    ensure!(word == "storage", "an unknown persistent id");
    let kind = match class.as_str() {
        "torch.FloatStorage" => "FloatStorage",
        "torch.LongStorage" => "LongStorage",
        other => bail!("tensors of the unsupported kind {other}"),
    };
    Ok(Value::Storage { key: key.clone(), kind })
}

fn reduce(function: Value, arguments: Value) -> Result<Value> {
    let Value::Global(function) = function else { bail!("a call of something that is not a name") };
    let Value::Tuple(arguments) = arguments else {
        bail!("a call with something else than arguments")
    };
    match (function.as_str(), arguments.as_slice()) {
        ("collections.OrderedDict", _) => Ok(Value::Dict(Vec::new())),
        (
            "torch._utils._rebuild_tensor_v2",
            [
                Value::Storage { key, kind },
                Value::Int(offset),
                Value::Tuple(shape),
                Value::Tuple(stride),
                ..,
            ],
        ) => Ok(Value::View {
            key: key.clone(),
            kind,
            offset: usize::try_from(*offset)?,
            shape: integers(shape)?,
            stride: integers(stride)?,
        }),
        ("torch._utils._rebuild_parameter", [view @ Value::View { .. }, ..]) => Ok(view.clone()),
        _ => bail!("a call of {function}, which no plain state dict has"),
    }
}

fn integers(values: &[Value]) -> Result<Vec<i64>> {
    let integer = |value: &Value| match value {
        Value::Int(n) if *n >= 0 => Ok(*n),
        _ => bail!("a shape that is not of whole numbers"),
    };
    values.iter().map(integer).collect()
}

#[derive(Default)]
struct Machine {
    stack: Vec<Value>,
    memo: BTreeMap<u32, Value>,
}

impl Machine {
    fn pop(&mut self) -> Result<Value> {
        self.stack.pop().context("an empty stack")
    }

    fn pop_n(&mut self, n: usize) -> Result<Vec<Value>> {
        let from = self.stack.len().checked_sub(n).context("an empty stack")?;
        Ok(self.stack.split_off(from))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>> {
        let mark = self.stack.iter().rposition(|value| *value == Value::Mark);
        let values = self.stack.split_off(mark.context("no mark")? + 1);
        self.pop()?;
        Ok(values)
    }

    fn remember(&mut self, key: u32) -> Result<()> {
        let value = self.stack.last().context("an empty stack")?.clone();
        // Containers are memoised before they are filled and never recalled in a state dict.
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&self, key: u32) -> Result<Value> {
        self.memo.get(&key).cloned().context("an unknown memo")
    }

    /// Opcodes that add to the container below: SETITEM(S), APPEND(S); BUILD adds nothing we need.
    fn change_top(&mut self, opcode: u8) -> Result<()> {
        let values = match opcode {
            b'u' | b'e' => self.pop_to_mark()?,
            b's' => self.pop_n(2)?,
            _ => self.pop_n(1)?,
        };
        match (opcode, self.stack.last_mut()) {
            (b'b', Some(_)) => {}
            (b'a' | b'e', Some(Value::List(list))) => list.extend(values),
            (b's' | b'u', Some(Value::Dict(dict))) => {
                let mut values = values.into_iter();
                while let (Some(key), Some(value)) = (values.next(), values.next()) {
                    dict.push((key, value));
                }
            }
            _ => bail!("nothing to add to"),
        }
        Ok(())
    }
}
