//! Writing eBPF instructions down, with labels to jump to.
//!
//! # Source
//! RFC 9669.

/// A register.
#[derive(Clone, Copy, Debug)]
pub(super) struct Register(u8);

/// The result of a call, and of the program.
pub(super) const R0: Register = Register(0);
/// The first argument of a call; the packet at the program's start.
pub(super) const R1: Register = Register(1);
pub(super) const R2: Register = Register(2);
pub(super) const R3: Register = Register(3);
pub(super) const R4: Register = Register(4);
/// Survives calls.
pub(super) const R6: Register = Register(6);
/// The end of the stack, which grows downwards.
pub(super) const FRAME: Register = Register(10);

/// The width of a load.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Width {
    Word = 0x00,
    Half = 0x08,
    Double = 0x18,
}

/// A place to jump to, known later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

/// A program under construction. Jumps go forwards only, so every program ends.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    code: Vec<u64>,
    /// The instruction each label stands before, once it is known.
    labels: Vec<Option<usize>>,
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    /// A label that stands nowhere yet.
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Puts a label before the next instruction.
    pub(super) fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.code.len());
    }

    pub(super) fn set(&mut self, to: Register, value: i32) {
        self.push(0xb7, to, R0, 0, value);
    }

    pub(super) fn set_double(&mut self, to: Register, value: u64) {
        self.push(0x18, to, R0, 0, value as u32 as i32);
        self.push(0, R0, R0, 0, (value >> 32) as u32 as i32);
    }

    pub(super) fn copy(&mut self, to: Register, from: Register) {
        self.push(0xbf, to, from, 0, 0);
    }

    pub(super) fn add(&mut self, to: Register, value: i32) {
        self.push(0x07, to, R0, 0, value);
    }

    /// Loads what lies `offset` bytes from the address in `from`.
    pub(super) fn load(&mut self, to: Register, width: Width, from: Register, offset: i16) {
        self.push(0x61 | width as u8, to, from, offset, 0);
    }

    pub(super) fn call(&mut self, function: i32) {
        self.push(0x85, R0, R0, 0, function);
    }

    pub(super) fn exit(&mut self) {
        self.push(0x95, R0, R0, 0, 0);
    }

    pub(super) fn jump(&mut self, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0x05, R0, R0, 0, 0);
    }

    /// Jumps where the lower 32 bits equal `value`.
    pub(super) fn jump_if_equal(&mut self, register: Register, value: u32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0x16, register, R0, 0, value as i32);
    }

    /// Jumps where the lower 32 bits are not `value`.
    pub(super) fn jump_if_not(&mut self, register: Register, value: u32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0x56, register, R0, 0, value as i32);
    }

    /// Jumps where all 64 bits differ from the other register's.
    pub(super) fn jump_if_different(&mut self, register: Register, other: Register, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0x5d, register, other, 0, 0);
    }

    /// The program. A jump to a label that was never placed goes nowhere, and the kernel refuses the program.
    pub(super) fn finish(mut self) -> Vec<u64> {
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
