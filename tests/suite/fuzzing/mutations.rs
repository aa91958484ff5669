//! Variants of a file, always the same ones for a seed.

/// What breaks parsers: the syntax of all formats here, the ends of numbers, and text of every width.
const TOKENS: [&[u8]; 40] = [
    b"\"",
    b"'",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"=",
    b".",
    b"\n",
    b"\r\n",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\"\"\"",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"-0.0",
    b"18446744073709551616",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    "é".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{1f600}".as_bytes(),
    b"\x1b[2J",
    b"..",
    b"/",
    b"env:",
    b"${",
    b"#",
    b"9999-12-31T23:59:60Z",
    b"[[[[[[[[[[",
    b"\xc3",
];

/// A small generator (xorshift64*): the same numbers on every machine and in every version.
#[derive(Debug)]
pub struct SeededNumbers(u64);

impl SeededNumbers {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        usize::try_from(number % end.max(1) as u64).unwrap_or_default()
    }
}

/// A variant of `file`, with parts of `other`.
pub fn mutate_file(file: &[u8], other: &[u8], numbers: &mut SeededNumbers) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        let end = (at + 1 + numbers.below(20)).min(bytes.len());
        match numbers.below(9) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, TOKENS[numbers.below(TOKENS.len())].iter().copied())),
            3 => drop(bytes.splice(at..end, TOKENS[numbers.below(TOKENS.len())].iter().copied())),
            4 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
            5 => {
                let repeated = bytes[at..end].repeat(1 + numbers.below(200));
                bytes.splice(at..at, repeated);
            }
            6 => {
                let from = numbers.below(other.len() + 1);
                let to = (from + numbers.below(400)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            // A line twice, which repeats keys and ids.
            7 => {
                let line_start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let line =
                    bytes[line_start..].split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
                bytes.splice(line_start..line_start, line);
            }
            _ => {
                let token = TOKENS[numbers.below(TOKENS.len())].repeat(1 + numbers.below(300));
                bytes.splice(at..at, token);
            }
        }
    }
    bytes
}
