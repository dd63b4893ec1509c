//! An answer in a component's memory, as the canonical ABI lays it out: so that a component that means harm can say anything,
//! and what no honest one could.
//!
//! Values are JSON by the contract's names, as the verify API writes them. Three objects say what JSON cannot:
//! `{"$octets": "ff"}` is a text of these octets, `{"$raw": [address, length]}` a text or list that claims to be there, and
//! `{"$case": 9}` a variant's number without anything behind it.

use anyhow::{Context as _, bail};
use serde_json::Value;
use wit_parser::{Resolve, SizeAlign, Type, TypeDefKind};

/// Octets for a component's memory.
#[derive(Clone, Debug)]
pub struct Image {
    /// Where they belong.
    pub at: u32,
    /// The octets. The answer itself is at their start.
    pub octets: Vec<u8>,
}

/// Lays out what the contract's `function` answers, from the address `at` on, which is a multiple of 8.
///
/// # Errors
/// Where the value is not of the function's type.
pub fn lower(function: &str, value: &Value, at: u32) -> anyhow::Result<Image> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit"))?;
    let interfaces = resolve.packages.get(package).context("no package")?;
    let interface = interfaces
        .interfaces
        .get("verifier")
        .context("no verifier")?;
    let interface = resolve.interfaces.get(*interface).context("no interface")?;
    let function = interface.functions.get(function).context("no function")?;
    let result = function.result.context("no result")?;
    let mut sizes = SizeAlign::default();
    sizes.fill(&resolve);
    let mut lowering = Lowering {
        resolve: &resolve,
        sizes,
        base: at as usize,
        octets: Vec::new(),
    };
    let start = lowering.room(&[result], 1)?;
    lowering.write(&result, value, start)?;
    Ok(Image {
        at,
        octets: lowering.octets,
    })
}

struct Lowering<'a> {
    resolve: &'a Resolve,
    sizes: SizeAlign,
    base: usize,
    octets: Vec<u8>,
}

impl Lowering<'_> {
    /// Room for so many values of that type, zeroed, aligned to anything: its place in the image.
    fn room(&mut self, of: &[Type], count: usize) -> anyhow::Result<usize> {
        let size: usize = of.iter().map(|ty| self.size(ty)).sum();
        self.room_for(size.checked_mul(count).context("too much")?)
    }

    fn room_for(&mut self, octets: usize) -> anyhow::Result<usize> {
        let start = self.octets.len().next_multiple_of(8);
        let end = start.checked_add(octets).context("too much")?;
        self.octets.resize(end, 0);
        Ok(start)
    }

    fn size(&self, ty: &Type) -> usize {
        self.sizes.size(ty).size_wasm32()
    }

    fn put(&mut self, at: usize, octets: &[u8]) -> anyhow::Result<()> {
        let place = self.octets.get_mut(at..at + octets.len());
        place.context("out of the image")?.copy_from_slice(octets);
        Ok(())
    }

    /// Where a text or list is, and how long.
    fn put_slice(&mut self, at: usize, start: usize, length: usize) -> anyhow::Result<()> {
        let address = u32::try_from(self.base + start)?;
        self.put(at, &address.to_le_bytes())?;
        self.put(at + 4, &u32::try_from(length)?.to_le_bytes())
    }

    fn put_octets(&mut self, at: usize, octets: &[u8]) -> anyhow::Result<()> {
        let start = self.room_for(octets.len())?;
        self.put(start, octets)?;
        self.put_slice(at, start, octets.len())
    }

    fn put_raw(&mut self, at: usize, raw: &Value) -> anyhow::Result<()> {
        for (place, part) in [(at, raw.get(0)), (at + 4, raw.get(1))] {
            let part = part.and_then(Value::as_u64).context("$raw: two numbers")?;
            self.put(place, &u32::try_from(part)?.to_le_bytes())?;
        }
        Ok(())
    }

    fn write(&mut self, ty: &Type, value: &Value, at: usize) -> anyhow::Result<()> {
        if let Some(raw) = value.get("$raw") {
            return self.put_raw(at, raw);
        }
        match ty {
            Type::Bool => self.put(at, &[u8::from(value.as_bool().context("a bool")?)]),
            Type::U8 | Type::U32 | Type::U64 => {
                let number = value
                    .as_u64()
                    .with_context(|| format!("a number: {value}"))?;
                let size = self.size(ty);
                let octets = number.to_le_bytes();
                self.put(at, octets.get(..size).context("a size")?)
            }
            Type::String => match value.get("$octets") {
                Some(octets) => self.put_octets(at, &hex::decode(octets.as_str().context("hex")?)?),
                None => {
                    let text = value.as_str().with_context(|| format!("a text: {value}"))?;
                    self.put_octets(at, text.as_bytes())
                }
            },
            Type::Id(id) => {
                let resolve = self.resolve;
                let definition = resolve.types.get(*id).context("a type")?;
                self.write_defined(&definition.kind, value, at)
                    .with_context(|| definition.name.clone().unwrap_or_default())
            }
            other => bail!("{other:?} is not in the contract"),
        }
    }

    fn write_defined(
        &mut self,
        kind: &TypeDefKind,
        value: &Value,
        at: usize,
    ) -> anyhow::Result<()> {
        match kind {
            TypeDefKind::Type(ty) => self.write(ty, value, at),
            TypeDefKind::List(Type::U8) => {
                let text = value.as_str().with_context(|| format!("octets: {value}"))?;
                self.put_octets(at, &hex::decode(text)?)
            }
            TypeDefKind::List(ty) => {
                let items = value
                    .as_array()
                    .with_context(|| format!("a list: {value}"))?;
                let start = self.room(&[*ty], items.len())?;
                for (index, item) in items.iter().enumerate() {
                    self.write(ty, item, start + index * self.size(ty))?;
                }
                self.put_slice(at, start, items.len())
            }
            TypeDefKind::Record(record) => {
                let types: Vec<Type> = record.fields.iter().map(|field| field.ty).collect();
                for (field, offset) in record.fields.iter().zip(self.offsets(&types)) {
                    let part = value.get(&field.name).unwrap_or(&Value::Null);
                    self.write(&field.ty, part, at + offset)
                        .with_context(|| field.name.clone())?;
                }
                Ok(())
            }
            TypeDefKind::Tuple(tuple) => {
                for (index, offset) in self.offsets(&tuple.types).into_iter().enumerate() {
                    let ty = tuple.types.get(index).context("a part")?;
                    let part = value.get(index).unwrap_or(&Value::Null);
                    self.write(ty, part, at + offset)?;
                }
                Ok(())
            }
            TypeDefKind::Variant(variant) => {
                let cases: Vec<_> = variant
                    .cases
                    .iter()
                    .map(|case| (case.name.as_str(), case.ty))
                    .collect();
                self.write_case(&cases, value, at)
            }
            TypeDefKind::Enum(it) => {
                let cases: Vec<_> = it
                    .cases
                    .iter()
                    .map(|case| (case.name.as_str(), None))
                    .collect();
                self.write_case(&cases, value, at)
            }
            TypeDefKind::Result(result) => {
                self.write_case(&[("ok", result.ok), ("err", result.err)], value, at)
            }
            TypeDefKind::Option(ty) => {
                let cases = [("none", None), ("some", Some(*ty))];
                match value {
                    Value::Null => self.write_case(&cases, &Value::from("none"), at),
                    some => self.write_case(&cases, &serde_json::json!({ "some": some }), at),
                }
            }
            other => bail!("{other:?} is in no answer"),
        }
    }

    fn offsets(&self, types: &[Type]) -> Vec<usize> {
        let offsets = self.sizes.field_offsets(types);
        offsets.iter().map(|(at, _)| at.size_wasm32()).collect()
    }

    /// A variant's case: its number in one octet (no variant has more than 256), and what belongs to it.
    fn write_case(
        &mut self,
        cases: &[(&str, Option<Type>)],
        value: &Value,
        at: usize,
    ) -> anyhow::Result<()> {
        if let Some(number) = value.get("$case").and_then(Value::as_u64) {
            return self.put(at, &[u8::try_from(number)?]);
        }
        let (name, payload) = match value {
            Value::String(name) => (name.as_str(), &Value::Null),
            Value::Object(fields) => {
                let (name, payload) = fields.iter().next().context("an empty case")?;
                (name.as_str(), payload)
            }
            other => bail!("a case: {other}"),
        };
        let number = cases.iter().position(|(case, _)| *case == name);
        let number = number.with_context(|| format!("no case `{name}`"))?;
        self.put(at, &[u8::try_from(number)?])?;
        if let Some((_, Some(ty))) = cases.get(number) {
            let types = cases.iter().map(|(_, ty)| ty.as_ref());
            let offset = self.sizes.payload_offset(wit_parser::Int::U8, types);
            self.write(ty, payload, at + offset.size_wasm32())?;
        }
        Ok(())
    }
}
