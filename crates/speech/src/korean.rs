//! The words of Korean, and how its words are cut into stems, particles and endings.

use std::collections::HashSet;

use crate::vocabulary::{Kind, Phrases, Quantity, StateWord, UnitWord, Word};

use Word::{
    Activate, All, And, Brighten, By, Close, Closed, Cooler, Dim, Dock, Downstairs, During, Filler, Half, In, Is, Lock,
    Locked, Lower, Maximum, Minimum, Not, Now, Off, On, Open, Pause, Raise, Set, Start, State, Stop, Target, To,
    Toggle, TurnOff, TurnOn, Unit, Unlock, Unlocked, Upstairs, Warmer, What, Which, Without,
};

const fn kind(kind: Kind) -> Word {
    Word::Kind(kind)
}

const fn quantity(quantity: Quantity) -> Word {
    Word::Quantity(quantity)
}

/// Pieces of words, each as it is written.
pub(crate) const PHRASES: Phrases = &[
    ("켜", &[TurnOn]),
    ("켜고", &[TurnOn, And]),
    ("켜기", &[TurnOn]),
    ("켜라", &[TurnOn]),
    ("켤래", &[TurnOn]),
    ("틀어", &[TurnOn]),
    ("틀고", &[TurnOn, And]),
    ("키고", &[TurnOn, And]),
    ("꺼", &[TurnOff]),
    ("끄고", &[TurnOff, And]),
    ("끄기", &[TurnOff]),
    ("꺼라", &[TurnOff]),
    ("끄지", &[TurnOff]),
    ("켜지", &[TurnOn]),
    ("소등", &[TurnOff]),
    ("켜져", &[On]),
    ("켜진", &[On]),
    ("켜졌", &[On]),
    ("켠", &[On]),
    ("꺼져", &[Off]),
    ("꺼진", &[Off]),
    ("꺼졌", &[Off]),
    ("열어", &[Open]),
    ("열고", &[Open, And]),
    ("열기", &[Open]),
    ("열지", &[Open]),
    ("열려", &[Is, Open]),
    ("열린", &[Open]),
    ("열렸", &[Is, Open]),
    ("닫아", &[Close]),
    ("닫고", &[Close, And]),
    ("닫기", &[Close]),
    ("닫지", &[Close]),
    ("쳐", &[Close]),
    ("닫혀", &[Closed]),
    ("닫힌", &[Closed]),
    ("닫혔", &[Closed]),
    ("잠가", &[Lock]),
    ("잠궈", &[Lock]),
    ("잠그고", &[Lock, And]),
    ("잠그지", &[Lock]),
    ("잠겨", &[Locked]),
    ("잠긴", &[Locked]),
    ("잠겼", &[Locked]),
    ("잠금해제", &[Unlock]),
    ("풀어", &[Unlock]),
    ("풀려", &[Unlocked]),
    ("시작", &[Start]),
    ("돌려", &[Start]),
    ("가동", &[Start]),
    ("멈춰", &[Stop]),
    ("멈추고", &[Stop, And]),
    ("정지", &[Stop]),
    ("중지", &[Stop]),
    ("세워", &[Stop]),
    ("일시정지", &[Pause]),
    ("복귀", &[Dock]),
    ("충전하러", &[Dock]),
    ("전환", &[Toggle]),
    ("설정", &[Set]),
    ("맞춰", &[Set]),
    ("맞추고", &[Set, And]),
    ("바꿔", &[Set]),
    ("바꾸고", &[Set, And]),
    ("해", &[Set]),
    ("실행", &[Activate]),
    ("적용", &[Activate]),
    ("올려", &[Raise]),
    ("올리고", &[Raise, And]),
    ("높여", &[Raise]),
    ("높이고", &[Raise, And]),
    ("내려", &[Lower]),
    ("내리고", &[Lower, And]),
    ("낮춰", &[Lower]),
    ("낮추고", &[Lower, And]),
    ("줄여", &[Lower]),
    ("어둡게", &[Dim]),
    ("밝게", &[Brighten]),
    ("따뜻하게", &[Warmer]),
    ("덥게", &[Warmer]),
    ("시원하게", &[Cooler]),
    ("춥게", &[Cooler]),
    ("다", &[All]),
    ("모두", &[All]),
    ("모든", &[All]),
    ("전부", &[All]),
    ("전체", &[All]),
    ("싹", &[All]),
    ("모든것", &[All, kind(Kind::Thing)]),
    ("모든거", &[All, kind(Kind::Thing)]),
    ("것", &[kind(Kind::Thing)]),
    ("거", &[kind(Kind::Thing)]),
    ("빼고", &[Without]),
    ("제외하고", &[Without]),
    ("제외", &[Without]),
    ("말고", &[Without]),
    ("지마", &[Not]),
    ("마", &[Not]),
    ("말아", &[Not]),
    ("마세요", &[Not]),
    ("지말고", &[Not]),
    ("안", &[Not]),
    ("그리고", &[And]),
    ("하고", &[And]),
    ("랑", &[And]),
    ("이랑", &[And]),
    ("와", &[And]),
    ("과", &[And]),
    (",", &[And]),
    ("에", &[In]),
    ("에서", &[In]),
    ("의", &[In]),
    ("에있는", &[In]),
    ("있는", &[Filler]),
    ("안에", &[In]),
    ("로", &[To]),
    ("으로", &[To]),
    ("만큼", &[By]),
    ("더", &[By]),
    ("만", &[By]),
    ("동안", &[During]),
    ("까지", &[During]),
    ("간", &[During]),
    ("지금", &[Now]),
    ("당장", &[Now]),
    ("바로", &[Now]),
    ("있어", &[Is]),
    ("있니", &[Is]),
    ("있나", &[Is]),
    ("있나요", &[Is]),
    ("있습니까", &[Is]),
    ("있는지", &[Is]),
    ("있어요", &[Is]),
    ("있는거야", &[Is]),
    ("어", &[Is]),
    ("었어", &[Is]),
    ("니", &[Is]),
    ("나요", &[Is]),
    ("습니까", &[Is]),
    ("는지", &[Is]),
    ("몇", &[What]),
    ("얼마", &[What]),
    ("얼마나", &[What]),
    ("어때", &[What]),
    ("어떻게", &[What]),
    ("뭐", &[What]),
    ("무엇", &[What]),
    ("뭔가", &[What]),
    ("알려", &[What]),
    ("말해", &[What]),
    ("보여", &[What]),
    ("야", &[Filler]),
    ("이야", &[Filler]),
    ("인가", &[Filler]),
    ("인가요", &[Filler]),
    ("예요", &[Filler]),
    ("이에요", &[Filler]),
    ("입니까", &[Filler]),
    ("되", &[Filler]),
    ("돼", &[Filler]),
    ("됐", &[Filler]),
    ("상태", &[What]),
    ("어느", &[Which]),
    ("어떤", &[Which]),
    ("절반", &[Half]),
    ("반", &[Half]),
    ("반만", &[Half]),
    ("최대", &[Maximum]),
    ("끝까지", &[Maximum]),
    ("완전히", &[Maximum]),
    ("최소", &[Minimum]),
    ("퍼센트", &[Unit(UnitWord::Percent)]),
    ("프로", &[Unit(UnitWord::Percent)]),
    ("%", &[Unit(UnitWord::Percent)]),
    ("도", &[Unit(UnitWord::Degrees)]),
    ("°", &[Unit(UnitWord::Degrees)]),
    ("° c", &[Unit(UnitWord::Celsius)]),
    ("℃", &[Unit(UnitWord::Celsius)]),
    ("켈빈", &[Unit(UnitWord::Kelvin)]),
    ("아래층", &[Downstairs]),
    ("아랫층", &[Downstairs]),
    ("위층", &[Upstairs]),
    ("윗층", &[Upstairs]),
    ("목표", &[Target]),
    ("희망", &[Target]),
    ("돌아가고", &[State(StateWord::Running)]),
    ("돌아가", &[State(StateWord::Running)]),
    ("작동", &[State(StateWord::Running)]),
    ("작동중", &[State(StateWord::Running)]),
    ("끝났", &[Is, State(StateWord::Finished)]),
    ("다됐", &[Is, State(StateWord::Finished)]),
    ("끝난", &[State(StateWord::Finished)]),
    ("온도", &[quantity(Quantity::Temperature)]),
    ("기온", &[quantity(Quantity::Temperature)]),
    ("습도", &[quantity(Quantity::Humidity)]),
    ("밝기", &[quantity(Quantity::Brightness)]),
    ("색온도", &[quantity(Quantity::ColourTemperature)]),
    ("위치", &[quantity(Quantity::Position)]),
    ("전력", &[quantity(Quantity::Power)]),
    ("전기", &[quantity(Quantity::Power)]),
    ("소비전력", &[quantity(Quantity::Power)]),
    ("전력량", &[quantity(Quantity::Energy)]),
    ("에너지", &[quantity(Quantity::Energy)]),
    ("배터리", &[quantity(Quantity::Battery)]),
    ("이산화탄소", &[quantity(Quantity::CarbonDioxide)]),
    ("공기질", &[quantity(Quantity::CarbonDioxide)]),
    ("미세먼지", &[quantity(Quantity::Dust)]),
    ("조도", &[quantity(Quantity::Illuminance)]),
    ("기압", &[quantity(Quantity::Pressure)]),
    ("풍속", &[quantity(Quantity::Wind)]),
    ("바람", &[quantity(Quantity::Wind)]),
    ("음량", &[quantity(Quantity::Volume)]),
    ("소리", &[quantity(Quantity::Volume)]),
    ("누구", &[quantity(Quantity::Presence)]),
    ("누가", &[quantity(Quantity::Presence)]),
    ("사람", &[quantity(Quantity::Presence)]),
    ("움직임", &[quantity(Quantity::Presence)]),
    ("불", &[kind(Kind::Light)]),
    ("등", &[kind(Kind::Light)]),
    ("전등", &[kind(Kind::Light)]),
    ("조명", &[kind(Kind::Light)]),
    ("램프", &[kind(Kind::Light)]),
    ("플러그", &[kind(Kind::Plug)]),
    ("콘센트", &[kind(Kind::Plug)]),
    ("난방", &[kind(Kind::Heating)]),
    ("보일러", &[kind(Kind::Heating)]),
    ("온도조절기", &[kind(Kind::Heating)]),
    ("에어컨", &[kind(Kind::AirConditioner)]),
    ("냉방", &[kind(Kind::AirConditioner)]),
    ("선풍기", &[kind(Kind::Fan)]),
    ("환풍기", &[kind(Kind::Fan)]),
    ("블라인드", &[kind(Kind::Blind)]),
    ("커튼", &[kind(Kind::Blind)]),
    ("셔터", &[kind(Kind::Blind)]),
    ("문", &[kind(Kind::Door)]),
    ("대문", &[kind(Kind::Door)]),
    ("창문", &[kind(Kind::Window)]),
    ("청소기", &[kind(Kind::Vacuum)]),
    ("로봇청소기", &[kind(Kind::Vacuum)]),
    ("티비", &[kind(Kind::Media)]),
    ("텔레비전", &[kind(Kind::Media)]),
    ("스피커", &[kind(Kind::Media)]),
    ("밸브", &[kind(Kind::Valve)]),
    ("기기", &[kind(Kind::Thing)]),
    ("가전", &[kind(Kind::Thing)]),
    ("줄 수 있어", &[Filler]),
    ("줄 수 있니", &[Filler]),
    ("줄 수 있나요", &[Filler]),
    ("좀", &[Filler]),
    ("제발", &[Filler]),
    ("현재", &[Filler]),
    ("씬", &[Filler]),
    ("장면", &[Filler]),
    ("모드", &[Filler]),
    ("?", &[Filler]),
];

/// Particles and endings that carry nothing a command needs; only behind something else in a word.
const ENDINGS: &[&str] = &[
    "을",
    "를",
    "이",
    "가",
    "은",
    "는",
    "들",
    "도",
    "요",
    "줘",
    "줘요",
    "주세요",
    "줄래",
    "줄래요",
    "주라",
    "주실래요",
    "놔",
    "놓아",
    "둬",
    "봐",
    "자",
    "라",
    "해줘",
    "해주세요",
    "하기",
    "해라",
    "해둬",
    "해놔",
    "시켜줘",
    "시켜",
    "할래",
    "죠",
    "지",
    "써",
    "쓰",
    "이나",
    "중",
    "줄수있어",
    "주시겠어요",
    "씩",
    "쯤",
    "정도",
    "부탁해",
    "한",
];

/// Endings that may also stand as words of their own.
const LOOSE: &[&str] = &[
    "줘",
    "주세요",
    "줄래",
    "놔",
    "둬",
    "봐",
    "해줘",
    "해주세요",
    "해라",
    "시켜줘",
    "부탁해",
    "주라",
    "줄수있어",
    "정도",
    "중",
    "써",
    "쓰",
    "수",
    "줄",
];

/// Whether a piece carries nothing.
pub(crate) fn is_ending(piece: &str) -> bool {
    ENDINGS.contains(&piece) || LOOSE.contains(&piece)
}

/// The longest word that is cut, in characters: what is longer is a name or nothing.
const WORD_CHARACTERS_MAX: usize = 40;

/// What makes a way of cutting worse: more pieces, and endings that could be words.
fn cost(piece: &str) -> usize {
    if ENDINGS.contains(&piece) { 9 } else { 10 }
}

/// Cuts a word into pieces that are known: `거실불을` into `거실`, `불`, `을`. `None` when it cannot be cut without a rest.
pub(crate) fn cut(word: &str, known: &HashSet<String, ahash::RandomState>) -> Option<Vec<String>> {
    let ends: Vec<usize> = word.char_indices().map(|(at, _)| at).chain([word.len()]).collect();
    let length = ends.len() - 1;
    if length > WORD_CHARACTERS_MAX {
        return None;
    }
    // The best way to each end: its cost, and where its last piece begins.
    let mut best: Vec<Option<(usize, usize)>> = vec![None; length + 1];
    best[0] = Some((0, 0));
    for end in 1..=length {
        for start in 0..end {
            let Some((before, _)) = best[start] else { continue };
            let piece = &word[ends[start]..ends[end]];
            let fits = known.contains(piece)
                || (start > 0 && ENDINGS.contains(&piece))
                || (start == 0 && end == length && LOOSE.contains(&piece));
            let total = before + cost(piece);
            if fits && best[end].is_none_or(|(found, _)| total < found) {
                best[end] = Some((total, start));
            }
        }
    }
    best[length]?;
    let (mut pieces, mut end) = (Vec::new(), length);
    while end > 0 {
        let start = best[end].map_or(0, |(_, start)| start);
        pieces.push(word[ends[start]..ends[end]].to_owned());
        end = start;
    }
    pieces.reverse();
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_where_everything_is_known() {
        let known: HashSet<String, ahash::RandomState> =
            ["거실", "불", "온도", "몇", "도", "야", "꺼", "켜져", "있어", "켜"]
                .map(str::to_owned)
                .into_iter()
                .collect();
        let cut = |word: &str| cut(word, &known).map(|pieces| pieces.join("+"));
        assert_eq!(cut("거실불을").as_deref(), Some("거실+불+을"));
        assert_eq!(cut("꺼주세요").as_deref(), Some("꺼+주세요"));
        assert_eq!(cut("켜져있어").as_deref(), Some("켜져+있어"));
        assert_eq!(cut("도야").as_deref(), Some("도+야"));
        assert_eq!(cut("불고기"), None);
        assert_eq!(cut(&"불".repeat(500)), None);
    }
}
