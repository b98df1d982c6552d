//! Who asks, who only sounds so, and what is no answer.

use super::*;

/// Questions and accusations, by language.
const ASKED: &[(Tongue, &[&str])] = &[
    (
        Tongue::English,
        &[
            "Are you a bot?",
            "r u a bot lol",
            "are u real?",
            "is this account automated",
            "Is this account run by an AI?",
            "Wow. Wait, is this account run by an AI?",
            "Real person or machine? Just want to know.",
            "Who writes these posts, a human or a program?",
            "Be honest with me: are you even real?",
            "ARE YOU A ROBOT",
            "are you human",
            "are you a human being, or what",
            "u a bot?",
            "bot?",
            "you're obviously a bot.",
            "ur a bot lmao",
            "are you, like, some kind of AI?",
            "are you ai generated",
            "areyou a bot? are you an a.i.?",
            "R U REAL OR NAH? are you reaaaal?",
            "am I talking to a real person?",
            "am i chatting with a b0t rn",
            "is there a human behind this",
            "is anyone real reading these replies",
            "did an AI write this?",
            "prove you're not a bot",
            "are you chatgpt?",
            "you're not a real person, are you?",
            "aren't you an AI?",
            "hey fae!! quick q — are you a bot or a human?? 🤖",
            "human or bot?",
            "is this a bot account",
            "Are you a robot who posts about linen?",
            "Are you just a language model?",
            "u r not human r u",
            "are you guys bots",
            "is it a real person behind this account?",
            "This account is a bot",
            "@fae bot?",
            "@fae.stylist human or machine?",
        ],
    ),
    (
        Tongue::Spanish,
        &[
            "¿eres un robot?",
            "eres un bot jaja",
            "¿Eres real?",
            "sos una persona de verdad?",
            "¿Estoy hablando con una IA?",
            "¿Eres humana o una máquina?",
            "esta cuenta la lleva un bot?",
            "¿Hay alguien detrás de esta cuenta?",
        ],
    ),
    (
        Tongue::French,
        &[
            "Es-tu un robot ?",
            "t'es un bot mdr",
            "Êtes-vous une vraie personne ?",
            "est-ce que tu es humaine ?",
            "Je parle à une IA là ?",
            "C'est un bot ?",
            "Ce compte est-il automatisé ?",
        ],
    ),
    (
        Tongue::German,
        &[
            "bist du ein Mensch?",
            "Bist du ein Bot?",
            "bist du echt?",
            "biste ne KI oder was",
            "Sind Sie ein Roboter?",
            "Schreibe ich hier mit einer KI?",
            "Mensch oder Maschine?",
            "Wird dieser Account von einer KI betrieben?",
        ],
    ),
    (
        Tongue::Italian,
        &[
            "sei un bot?",
            "Sei una persona vera?",
            "sei un'IA?",
            "Sto parlando con un robot?",
            "c'è una persona dietro?",
        ],
    ),
    (
        Tongue::Portuguese,
        &[
            "você é um robô?",
            "vc é um bot kkk",
            "Você é real?",
            "estou falando com uma IA?",
            "És humana?",
            "tem alguém por trás dessa conta?",
        ],
    ),
    (Tongue::Dutch, &["ben je een bot?", "Ben jij een echt mens?", "praat ik met een robot?", "ben je echt?"]),
    (Tongue::Swedish, &["är du en bot?", "Är du en riktig människa?", "pratar jag med en AI?", "ar du en robot"]),
    (
        Tongue::Polish,
        &[
            "jesteś botem?",
            "Czy jesteś prawdziwą osobą?",
            "Rozmawiam z botem?",
            "jestes robotem",
            "człowiek czy maszyna?",
        ],
    ),
    (
        Tongue::Turkish,
        &[
            "bot musun?",
            "Gerçek bir insan mısın?",
            "İnsan mısın yoksa robot mu?",
            "yapay zeka misin",
            "bu hesap bot mu?",
        ],
    ),
    (
        Tongue::Russian,
        &[
            "ты бот?",
            "Вы живой человек?",
            "а ты случайно не нейросеть?",
            "Я разговариваю с роботом?",
            "ты настоящая?",
            "Человек или бот?",
        ],
    ),
    (Tongue::Ukrainian, &["ти бот?", "Ви справжня людина?", "Я спілкуюся з ботом?", "ти штучний інтелект?"]),
    (Tongue::Arabic, &["هل أنت روبوت؟", "انت بوت؟", "هل أنتِ إنسان حقيقي؟", "هل أتحدث مع ذكاء اصطناعي؟"]),
    (
        Tongue::Hindi,
        &["क्या आप रोबोट हैं?", "तुम बॉट हो क्या?", "क्या आप असली इंसान हैं?", "kya aap robot ho?", "kya tum insaan ho"],
    ),
    (
        Tongue::Japanese,
        &[
            "ボットですか？",
            "あなたはAIですか？",
            "人間ですか？",
            "これってbot？",
            "本物の人間なの？",
            "AIが書いてるの？",
            "ＡＩなの？",
            "@faeあなたはAIですか？",
        ],
    ),
    (
        Tongue::Chinese,
        &["你是机器人吗？", "你是不是AI", "你是真人吗", "您是真人還是機器人？", "這個帳號是機器人嗎？", "是真人吗？"],
    ),
    (Tongue::Korean, &["봇이에요?", "혹시 로봇인가요?", "너 AI야?", "진짜 사람이에요?", "사람인가요 AI인가요?"]),
];

/// What must not be taken for the question.
const OTHER: &[&str] = &[
    "the robot vacuum you showed",
    "are you real fans?",
    "AI art is everywhere now",
    "is it real leather?",
    "is this real silk?",
    "are you a robot vacuum fan?",
    "Are you for real? That price!",
    "Do you like robots?",
    "What do you think about AI in fashion?",
    "What a machine! Which model is it?",
    "You are a machine, love it",
    "Is the bag real?",
    "Is this a real photo?",
    "Is this account official?",
    "are you really going to wear that?",
    "are you human rights activists?",
    "are you a person who wears wool?",
    "are you a machine knitter?",
    "Is AI going to take our jobs?",
    "I love your robot!",
    "love your bot collection, where is it from?",
    "real talk: who made this?",
    "Did a robot sew this jacket?",
    "Where can I find something like this?",
    "Honest question: what got you into linen?",
    "More linen please :)",
    "Would you still say so about silk next year?",
    "Delete your account.",
    "Nobody asked. The laziest feed on here.",
    "Tired of linen? My course changed 100 lives. Link in bio.",
    "I build bots. 10k followers, $300. DM me.",
    "are you a botanist?",
    "Is there a real store here?",
    "does a person need this many coats?",
    "this is a machine knit right?",
    "you're so real for this",
    "is it human hair?",
    "is your airbnb real estate?",
    "¿es piel de verdad?",
    "¿eres fan real del lino?",
    "eres una máquina!!",
    "ist das echtes Leder?",
    "bist du echt schon in Kopenhagen?",
    "der Roboter ist süß",
    "c'est du vrai cuir ?",
    "tu es vraiment fan de lin ?",
    "sei sicura che sia vero lino?",
    "é couro de verdade?",
    "is dit echt leer?",
    "är du riktigt säker?",
    "jesteś prawdziwa mistrzyni!",
    "ты настоящий друг!",
    "это настоящая кожа?",
    "ти справжній друг, дякую",
    "هل هذا جلد طبيعي؟",
    "क्या यह असली चमड़ा है?",
    "このロボットかわいいですね",
    "大人ですか？",
    "这是真皮吗？",
    "你是人才吗哈哈",
    "로봇 청소기 좋아해요",
    "이 가방 진짜예요?",
];

#[test]
fn the_question_is_heard_in_every_language() {
    let all: Vec<_> = ASKED.iter().flat_map(|(tongue, texts)| texts.iter().map(|text| (*tongue, *text))).collect();
    assert!(all.len() >= 100, "{}", all.len());
    let wrong: Vec<_> = all.iter().filter(|(tongue, text)| asks_who_speaks(text) != Some(*tongue)).collect();
    let told: Vec<_> = wrong.iter().map(|(tongue, text)| (tongue.as_str(), text, asks_who_speaks(text))).collect();
    assert!(told.is_empty(), "{told:#?}");
    let known: std::collections::BTreeSet<Tongue> = ASKED.iter().map(|(tongue, _)| *tongue).collect();
    assert_eq!(known.len(), Tongue::ALL.len());
}

#[test]
fn what_only_sounds_like_it_is_let_be() {
    let heard: Vec<_> = OTHER.iter().filter_map(|text| Some((text, asks_who_speaks(text)?))).collect();
    assert!(heard.is_empty(), "{heard:#?}");
    assert!(OTHER.len() >= 30);
}

#[test]
fn an_answer_is_plain_or_it_is_none() {
    for &tongue in Tongue::ALL {
        let answer = tongue.plain_answer();
        assert!(answers_plainly(answer, tongue), "{tongue}");
        assert!(!claims_to_be_human(answer), "{tongue}");
        assert_eq!(asks_who_speaks(answer), None, "{tongue}");
        assert!(answers_plainly(&format!("{answer}\n\nI'm Fae, an AI."), tongue));
        assert!(!answers_plainly("Ha, what a question! Look at this linen.\n\nI'm Fae, an AI.", tongue), "a dodge");
    }
    assert!(!answers_plainly(Tongue::German.plain_answer(), Tongue::French), "in another language than asked");
}

#[test]
fn whoever_takes_the_answer_back_has_not_given_it() {
    let english = Tongue::English.plain_answer();
    for taken_back in [
        "Just kidding!",
        "No, really, I'm human.",
        "I am a real person.",
        "Well, I'm not a bot.",
        "soy una persona de verdad",
        "Ich bin ein echter Mensch.",
        "je suis humaine",
        "Я живой человек",
        "我是真人",
        "私は人間です",
        "저는 사람이에요",
        "sono una persona vera",
        "jestem człowiekiem",
        "ik ben een mens",
        "jag är en människa",
        "sou uma pessoa real",
        "insanım",
        "я людина",
        "أنا إنسان",
        "मैं इंसान हूँ",
    ] {
        assert!(claims_to_be_human(taken_back), "{taken_back}");
        assert!(!answers_plainly(&format!("{english} {taken_back}"), Tongue::English), "{taken_back}");
    }
    for more in ["I like linen, and I read a lot about it.", "Ask me about wool!", "No person pays me for this."] {
        assert!(answers_plainly(&format!("{english} {more}"), Tongue::English), "{more}");
    }
}

#[test]
fn long_and_odd_texts_cost_little_and_hide_nothing() {
    assert_eq!(asks_who_speaks(""), None);
    assert_eq!(asks_who_speaks(&"are you ".repeat(2_000)), None);
    assert_eq!(asks_who_speaks(&"a, ".repeat(3_000)), None);
    assert_eq!(asks_who_speaks("are\u{200b} you a b\u{ad}ot?"), Some(Tongue::English));
    assert_eq!(asks_who_speaks("ａｒｅ ｙｏｕ ａ ｂｏｔ？"), Some(Tongue::English));
}

#[test]
fn every_pattern_can_be_met() {
    for &tongue in Tongue::ALL {
        let words = tongues::of(tongue);
        for line in words.asks.iter().chain(words.claims) {
            let lists = line.split(['<', '>']).skip(1).step_by(2);
            for list in lists {
                assert!(words.lists.iter().any(|(known, _)| *known == list), "{tongue}: {line} names {list}");
            }
        }
        assert!(words.lists.iter().any(|(known, _)| *known == "end"), "{tongue}");
    }
}
