//! Every page in a real browser: accessible in both color schemes, readable from 400 to 2,500 pixels, and usable with a
//! keyboard.
#![cfg_attr(browser_off, allow(dead_code))]

mod dev;
mod documents;

use crate::browser::Browser;

/// The widths at which every page is looked at, each with a height.
const SIZES: [(u32, u32); 4] = [(400, 900), (800, 1000), (1280, 1000), (2500, 1400)];

/// Looks at the open page: it fits at every width, and axe-core finds nothing in the narrowest layout and in both schemes
/// of a usual one.
fn expect_accessible(browser: &mut Browser, name: &str) {
    for (width, height) in SIZES {
        browser.resize(width, height);
        browser.take_picture(&format!("{name}-{width}"));
        assert_eq!(browser.overflow(), 0, "{name} at {width} pixels is wider than the window");
    }
    for ((width, height), scheme) in [(SIZES[0], "light"), (SIZES[2], "dark"), (SIZES[2], "light")] {
        browser.resize(width, height);
        browser.prefer_scheme(scheme);
        assert_eq!(browser.axe_violations(), Vec::<String>::new(), "{name}, {scheme}, {width} pixels");
    }
}
