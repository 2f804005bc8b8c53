//! Where the frames of a WebSocket end (RFC 6455, section 5.2): between two of them a goodbye can be said.

/// The longest head of a frame: two bytes, eight of length, four of mask.
const MAX_HEAD_BYTES: usize = 14;

const CLOSE: u8 = 0x8;

/// How far a stream of frames is.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; MAX_HEAD_BYTES],
    head_bytes: usize,
    payload_left: u64,
    has_closed: bool,
}

impl Frames {
    /// `bytes` have gone past.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.payload_left > 0 {
                let passed = self.payload_left.min(bytes.len() as u64);
                self.payload_left -= passed;
                bytes = bytes.get(passed as usize..).unwrap_or_default();
                continue;
            }
            self.take_head(*first);
            bytes = rest;
        }
    }

    /// Whether something can be said: the last frame has ended, and it was no goodbye.
    pub(super) fn takes_a_close(&self) -> bool {
        self.head_bytes == 0 && self.payload_left == 0 && !self.has_closed
    }

    fn take_head(&mut self, byte: u8) {
        if let Some(place) = self.head.get_mut(self.head_bytes) {
            *place = byte;
        }
        self.head_bytes += 1;
        if self.head_bytes < self.needed() {
            return;
        }
        self.has_closed |= self.head[0] & 0x0f == CLOSE;
        self.payload_left = self.payload_bytes();
        self.head_bytes = 0;
    }

    /// How long the head is, as far as its beginning tells.
    fn needed(&self) -> usize {
        if self.head_bytes < 2 {
            return 2;
        }
        let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        2 + mask + self.length_bytes()
    }

    fn length_bytes(&self) -> usize {
        match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        }
    }

    fn payload_bytes(&self) -> u64 {
        let extended = &self.head[2..2 + self.length_bytes()];
        match extended {
            [] => u64::from(self.head[1] & 0x7f),
            bytes => bytes
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(opcode: u8, masked: bool, payload_bytes: usize) -> Vec<u8> {
        let mask_bit = if masked { 0x80 } else { 0 };
        let mut frame = vec![0x80 | opcode];
        match payload_bytes {
            0..126 => frame.push(mask_bit | payload_bytes as u8),
            126..65536 => {
                frame.push(mask_bit | 126);
                frame.extend((payload_bytes as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask_bit | 127);
                frame.extend((payload_bytes as u64).to_be_bytes());
            }
        }
        frame.extend([0xaa; 4].iter().take(if masked { 4 } else { 0 }));
        frame.extend(vec![0x88; payload_bytes]);
        frame
    }

    /// Scenario: a frame of each form of length, one byte after the other.
    /// Guarantees: its end is seen where it is, and nowhere before.
    #[test]
    fn the_end_of_a_frame_is_seen() {
        for payload_bytes in [0, 1, 125, 126, 65_535, 65_536] {
            for masked in [false, true] {
                let (frame, mut frames) = (frame(2, masked, payload_bytes), Frames::default());
                for (sent, byte) in frame.iter().enumerate() {
                    assert_eq!(frames.takes_a_close(), sent == 0, "{payload_bytes} {sent}");
                    frames.pass(&[*byte]);
                }
                assert!(frames.takes_a_close(), "{payload_bytes}");
            }
        }
    }

    /// Scenario: a goodbye, then whatever follows.
    /// Guarantees: no second one is said.
    #[test]
    fn a_goodbye_is_said_once() {
        let mut frames = Frames::default();
        frames.pass(&frame(CLOSE, false, 2));
        assert!(!frames.takes_a_close());
    }

    /// Scenario: a frame that says it is as long as a number can be.
    /// Guarantees: no overflow.
    #[test]
    fn the_longest_frame_overflows_nothing() {
        let mut frames = Frames::default();
        frames.pass(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]);
        frames.pass(&[0; 4096]);
        assert!(!frames.takes_a_close());
    }

    proptest! {
        /// Scenario: frames of all sizes, cut anywhere; and bytes that are none.
        /// Guarantees: how the bytes are cut makes no difference.
        #[test]
        fn cuts_make_no_difference(
            sizes in proptest::collection::vec(0_usize..300, 0..5),
            cut in 0_usize..400,
            noise in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut bytes: Vec<u8> = sizes.iter().flat_map(|size| frame(1, size % 2 == 0, *size)).collect();
            let (mut whole, mut parts) = (Frames::default(), Frames::default());
            whole.pass(&bytes);
            prop_assert!(whole.takes_a_close());
            bytes.extend(noise);
            whole = Frames::default();
            whole.pass(&bytes);
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            parts.pass(first);
            parts.pass(second);
            prop_assert_eq!(format!("{whole:?}"), format!("{parts:?}"));
        }
    }
}
