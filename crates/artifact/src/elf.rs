//! What an ELF executable needs from the system that runs it.

use std::fmt;

use object::LittleEndian;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

use deployer_core::manifest::Architecture;

/// A version of glibc, such as 2.34.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GlibcVersion {
    /// The number before the dot.
    pub major: u32,
    /// The number after the dot.
    pub minor: u32,
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A feature that the loader supports since glibc 2.36. Binutils marks it with a name instead of a version.
const DT_RELR: (&str, GlibcVersion) = ("GLIBC_ABI_DT_RELR", GlibcVersion { major: 2, minor: 36 });

/// What an executable needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElfRequirements {
    /// The processor; `None` if Lambda doesn't support it.
    pub architecture: Option<Architecture>,
    /// The newest glibc version that a symbol needs; `None` if it is linked statically.
    pub glibc: Option<GlibcVersion>,
    /// The program that loads it; `None` if it is linked statically.
    pub interpreter: Option<String>,
}

/// Whether the bytes start with ELF's magic number.
pub fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(&elf::ELFMAG)
}

/// Reads what an executable needs. The error says what is wrong with the file.
pub fn read_requirements(bytes: &[u8]) -> Result<ElfRequirements, String> {
    let plain = |error: object::Error| error.to_string();
    let header = FileHeader64::<LittleEndian>::parse(bytes)
        .map_err(|_| "it is not a 64-bit little-endian ELF file".to_owned())?;
    let endian = header.endian().map_err(plain)?;
    let architecture = match header.e_machine(endian) {
        elf::EM_X86_64 => Some(Architecture::X86_64),
        elf::EM_AARCH64 => Some(Architecture::Arm64),
        _ => None,
    };
    let segments = header.program_headers(endian, bytes).map_err(plain)?;
    let interpreter = segments.iter().find_map(|segment| segment.interpreter(endian, bytes).ok().flatten());
    let interpreter = interpreter.map(|path| String::from_utf8_lossy(path).into_owned());

    let sections = header.sections(endian, bytes).map_err(plain)?;
    let mut glibc = None;
    if let Some((mut files, link)) = sections.gnu_verneed(endian, bytes).map_err(plain)? {
        let strings = sections.strings(endian, bytes, link).map_err(plain)?;
        while let Some((_, mut versions)) = files.next().map_err(plain)? {
            while let Some(version) = versions.next().map_err(plain)? {
                let name = version.name(endian, strings).map_err(plain)?;
                glibc = glibc.max(std::str::from_utf8(name).ok().and_then(parse_glibc_version));
            }
        }
    }
    Ok(ElfRequirements { architecture, glibc, interpreter })
}

/// `GLIBC_2.34` is 2.34, `GLIBC_2.2.5` is 2.2; names of other libraries have no version here.
fn parse_glibc_version(name: &str) -> Option<GlibcVersion> {
    if name == DT_RELR.0 {
        return Some(DT_RELR.1);
    }
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    Some(GlibcVersion { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
}
