//! Writing eBPF instructions down, with labels to jump to.
//!
//! # Source
//! RFC 9669.

/// A register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Register(u8);

/// The result of a call, and of the program.
pub(crate) const R0: Register = Register(0);
/// The first argument of a call; the packet at the program's start.
pub(crate) const R1: Register = Register(1);
pub(crate) const R2: Register = Register(2);
pub(crate) const R3: Register = Register(3);
pub(crate) const R4: Register = Register(4);
/// Survives calls, as the two below.
pub(crate) const R6: Register = Register(6);
pub(crate) const R7: Register = Register(7);
pub(crate) const R8: Register = Register(8);
/// The end of the stack, which grows downwards.
pub(crate) const FRAME: Register = Register(10);

/// The width of a load.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Width {
    Word = 0x00,
    Half = 0x08,
    Byte = 0x10,
    Double = 0x18,
}

/// A place to jump to, known later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label(usize);

/// A program under construction. Jumps go forwards only, so every program ends.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    code: Vec<u64>,
    /// The instruction each label stands before, once it is known.
    labels: Vec<Option<usize>>,
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    /// A label that stands nowhere yet.
    pub(crate) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Puts a label before the next instruction.
    pub(crate) fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.code.len());
    }

    pub(crate) fn set(&mut self, to: Register, value: i32) {
        self.push(0xb7, to, R0, 0, value);
    }

    pub(crate) fn set_double(&mut self, to: Register, value: u64) {
        self.push(0x18, to, R0, 0, value as u32 as i32);
        self.push(0, R0, R0, 0, (value >> 32) as u32 as i32);
    }

    pub(crate) fn copy(&mut self, to: Register, from: Register) {
        self.push(0xbf, to, from, 0, 0);
    }

    pub(crate) fn add(&mut self, to: Register, value: i32) {
        self.push(0x07, to, R0, 0, value);
    }

    pub(crate) fn add_register(&mut self, to: Register, other: Register) {
        self.push(0x0f, to, other, 0, 0);
    }

    pub(crate) fn multiply(&mut self, to: Register, value: i32) {
        self.push(0x27, to, R0, 0, value);
    }

    pub(crate) fn mask(&mut self, to: Register, bits: i32) {
        self.push(0x57, to, R0, 0, bits);
    }

    pub(crate) fn shift_left(&mut self, to: Register, bits: i32) {
        self.push(0x67, to, R0, 0, bits);
    }

    pub(crate) fn shift_right(&mut self, to: Register, bits: i32) {
        self.push(0x77, to, R0, 0, bits);
    }

    /// Makes the number of a 16-bit word that was loaded as it stands in the packet.
    pub(crate) fn swap_half(&mut self, to: Register) {
        self.push(0xdc, to, R0, 0, 16);
    }

    /// Loads what lies `offset` bytes from the address in `from`.
    pub(crate) fn load(&mut self, to: Register, width: Width, from: Register, offset: i16) {
        self.push(0x61 | width as u8, to, from, offset, 0);
    }

    pub(crate) fn call(&mut self, function: i32) {
        self.push(0x85, R0, R0, 0, function);
    }

    pub(crate) fn exit(&mut self) {
        self.push(0x95, R0, R0, 0, 0);
    }

    pub(crate) fn jump(&mut self, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0x05, R0, R0, 0, 0);
    }

    /// Jumps where the lower 32 bits equal `value`.
    pub(crate) fn jump_if_equal(&mut self, register: Register, value: u32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0x16, register, R0, 0, value as i32);
    }

    /// Jumps where the lower 32 bits are not `value`.
    pub(crate) fn jump_if_not(&mut self, register: Register, value: u32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0x56, register, R0, 0, value as i32);
    }

    /// Jumps where any of these of the lower 32 bits is set.
    pub(crate) fn jump_if_any(&mut self, register: Register, bits: u32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0x46, register, R0, 0, bits as i32);
    }

    /// Jumps where the lower 32 bits are a number below `value`.
    pub(crate) fn jump_if_below(&mut self, register: Register, value: u32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0xa6, register, R0, 0, value as i32);
    }

    /// Jumps where the lower 32 bits are a number above `value`.
    pub(crate) fn jump_if_above(&mut self, register: Register, value: u32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0x26, register, R0, 0, value as i32);
    }

    /// Jumps where all 64 bits differ from the other register's.
    pub(crate) fn jump_if_different(&mut self, register: Register, other: Register, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0x5d, register, other, 0, 0);
    }

    /// The program. A jump to a label that was never placed goes nowhere, and the kernel refuses the program.
    pub(crate) fn finish(mut self) -> Vec<u64> {
        for (from, label) in self.jumps {
            let target = self.labels[label.0].unwrap_or(usize::MAX);
            let distance = target.checked_sub(from + 1).and_then(|distance| i16::try_from(distance).ok());
            let mut bytes = self.code[from].to_ne_bytes();
            bytes[2..4].copy_from_slice(&distance.unwrap_or(i16::MAX).to_ne_bytes());
            self.code[from] = u64::from_ne_bytes(bytes);
        }
        self.code
    }

    fn push(&mut self, code: u8, to: Register, from: Register, offset: i16, value: i32) {
        // The two registers share a byte, in the order of the host's bit fields.
        let registers = if cfg!(target_endian = "little") { from.0 << 4 | to.0 } else { to.0 << 4 | from.0 };
        let [o0, o1] = offset.to_ne_bytes();
        let [v0, v1, v2, v3] = value.to_ne_bytes();
        self.code.push(u64::from_ne_bytes([code, registers, o0, o1, v0, v1, v2, v3]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_look_as_the_kernel_writes_them() {
        let mut assembler = Assembler::default();
        let end = assembler.label();
        assembler.set(R0, 2);
        assembler.jump_if_equal(R1, 0xffff_ffff, end);
        assembler.set_double(R3, 0x0123_4567_89ab_cdef);
        assembler.load(R2, Width::Half, FRAME, -16);
        assembler.place(end);
        assembler.exit();
        let bytes: Vec<[u8; 8]> = assembler.finish().into_iter().map(u64::to_le_bytes).collect();
        assert_eq!(
            bytes,
            [
                [0xb7, 0x00, 0, 0, 2, 0, 0, 0],
                [0x16, 0x01, 3, 0, 0xff, 0xff, 0xff, 0xff],
                [0x18, 0x03, 0, 0, 0xef, 0xcd, 0xab, 0x89],
                [0x00, 0x00, 0, 0, 0x67, 0x45, 0x23, 0x01],
                [0x69, 0xa2, 0xf0, 0xff, 0, 0, 0, 0],
                [0x95, 0x00, 0, 0, 0, 0, 0, 0],
            ]
        );
    }
}
