//! What `PFDEBUG` and `PFSELFTEST` look at.

use super::{
    Encoding, HEADER_BYTES, HllError, REGISTERS, Registers, SPARSE_MAX_BYTES_DEFAULT, add, count_cached,
    create, dense, encoding_of, merge_into, sparse, to_dense,
};

/// All registers of `value`: `PFDEBUG GETREG`, which also turns the value dense ([`to_dense`]).
///
/// # Errors
/// [`HllError::NotHll`] or [`HllError::Corrupt`].
pub fn registers(value: &[u8]) -> Result<Box<[u8; REGISTERS]>, HllError> {
    let mut registers = Box::new([0; REGISTERS]);
    merge_into(&mut registers, value)?;
    Ok(registers)
}

/// The opcodes of a sparse value in the notation of `PFDEBUG DECODE`: `z:` for ZERO, `Z:` for XZERO, `v:rank,`
/// for VAL, each with its length. `None` for a dense value.
///
/// # Errors
/// [`HllError::NotHll`]; corrupt runs are shown as they are.
pub fn decode(value: &[u8]) -> Result<Option<String>, HllError> {
    if encoding_of(value)? == Encoding::Dense {
        return Ok(None);
    }
    let shown: Vec<String> = sparse::runs(&value[HEADER_BYTES..])
        .map(|run| match (run.rank, run.width) {
            (0, 1) => format!("z:{}", run.len),
            (0, _) => format!("Z:{}", run.len),
            (rank, _) => format!("v:{rank},{}", run.len),
        })
        .collect();
    Ok(Some(shown.join(" ")))
}

/// Checks the registers and the estimates of this build: `PFSELFTEST`. `seed` chooses the elements. Takes
/// some ten milliseconds.
///
/// # Errors
/// What was wrong, in words.
pub fn self_test(seed: u64) -> Result<(), String> {
    registers_test(seed)?;
    let standard_error = 1.04 / (REGISTERS as f64).sqrt();
    let mut dense_value = create();
    to_dense(&mut dense_value).map_err(|error| error.to_string())?;
    let mut sparse_value = create();
    let mut next_check = 1;
    for added in 1..=100_000_u64 {
        let element = (seed ^ added.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes();
        for value in [&mut dense_value, &mut sparse_value] {
            add(value, &element, SPARSE_MAX_BYTES_DEFAULT).map_err(|error| error.to_string())?;
        }
        if added != next_check {
            continue;
        }
        next_check *= 10;
        let counted = count_cached(&mut dense_value).map_err(|error| error.to_string())?.cardinality;
        let sparse_counted = count_cached(&mut sparse_value).map_err(|error| error.to_string())?.cardinality;
        if counted != sparse_counted {
            return Err(format!("dense counts {counted}, sparse {sparse_counted} of {added} elements"));
        }
        // Six standard errors; the few elements of the first steps may miss by a collision.
        let allowed = (6.0 * standard_error * added as f64).ceil().max(1.0);
        if counted.abs_diff(added) as f64 > allowed {
            return Err(format!("{counted} counted of {added} elements, {allowed} off allowed"));
        }
    }
    Ok(())
}

/// Packed registers must read back what was written, also beside their neighbours.
fn registers_test(seed: u64) -> Result<(), String> {
    let mut packed = vec![0; REGISTERS * super::REGISTER_BITS / 8];
    let mut model: Registers = [0; REGISTERS];
    let mut state = seed | 1;
    for round in 0..8 * REGISTERS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (index, rank) = (round % REGISTERS, (state >> 58) as u8);
        model[index] = model[index].max(rank);
        dense::raise(&mut packed, index, rank);
    }
    match (0..REGISTERS).find(|&index| dense::get(&packed, index) != model[index]) {
        None => Ok(()),
        Some(index) => {
            Err(format!("register {index} should be {} but is {}", model[index], dense::get(&packed, index)))
        }
    }
}
