//! Polish, Russian, Ukrainian.

use super::Words;

pub(super) const POLISH: Words = Words {
    spaced: true,
    lists: &[
        (
            "bot",
            "bot|botem|botami|robot|robotem|ai|si|sztuczna_inteligencja|sztuczną_inteligencją|chatbot|chatbotem|\
             chatgpt|algorytmem",
        ),
        ("thing", "maszyna|maszyną|program|programem|komputerem|automat|automatem"),
        (
            "human",
            "człowiek|człowiekiem|osoba|osobą|prawdziwa_osoba|prawdziwą_osobą|prawdziwy_człowiek|\
             prawdziwym_człowiekiem|żywy_człowiek|żywym_człowiekiem|ludzie",
        ),
        ("real", "prawdziwy|prawdziwa|prawdziwe|żywy|żywa"),
        ("youare", "jesteś|jestes|jesteście|pan_jest|pani_jest|jest_pan|jest_pani|ty_jesteś|ty"),
        ("f", ",|naprawdę|serio|tylko|może|przypadkiem|w_ogóle|jakimś|jakąś|ty|aby|na_pewno|nie|też|po_prostu|chyba"),
        ("a", "jakimś|jakąś"),
        ("end", "czy|xd|lol|haha|hehe|prawda|co|i|a|ale|proszę|nie|czy_co"),
    ],
    asks: &[
        "<youare> <f>* <a>? <bot> $",
        "? <youare> <f>* <a>? <thing> $",
        "? <youare> <f>* <a>? <human> $",
        "? <youare> <f>* <real> $",
        "? czy to <f>* konto|profil? <f>* jest? <bot>|<thing>|automatyczne $",
        "? to_konto|ten_profil <f>* prowadzi|jest|pisze <f>* <bot>|<human>|<thing>|automatyczne",
        "? rozmawiam|piszę|gadam z|ze <f>* <bot>|<human>|<thing>|człowiekiem",
        "? ^ <f>* <human> czy <f>* <bot>|<thing>",
        "? ^ <f>* <bot>|<thing> czy <f>* <human>",
        "? ^ <f>* <bot> $",
    ],
    claims: &[
        "jestem <f>* <human>",
        "jestem <f>* prawdziwy|prawdziwa $",
        "nie_jestem <f>* <bot>|<thing>",
        "żartuję|żartowałam|żartowałem",
    ],
    answer: "Jestem sztuczną inteligencją (AI), a nie człowiekiem.",
};

pub(super) const RUSSIAN: Words = Words {
    spaced: true,
    lists: &[
        (
            "bot",
            "бот|боты|робот|роботы|ии|нейросеть|нейронка|искусственный_интеллект|чатбот|чат_бот|чатгпт|chatgpt|\
             ai|gpt|bot|нейросетка",
        ),
        ("thing", "машина|программа|компьютер|алгоритм"),
        ("human", "человек|живой_человек|реальный_человек|настоящий_человек|люди|живые_люди|человеком"),
        ("real", "живой|живая|настоящий|настоящая|реальный|реальная|живые|реальные|настоящие"),
        ("you", "ты|вы"),
        (
            "f",
            ",|не|что|вообще|реально|правда|случайно|точно|там|это|случаем|действительно|тоже|просто|же|какой_то|\
             какая_то|разве|часом|вправду|и|походу|наверное",
        ),
        (
            "by",
            "ботом|роботом|нейросетью|ии|человеком|живым_человеком|реальным_человеком|машиной|программой|\
             нейронкой|настоящим_человеком",
        ),
        ("end", "или|лол|хаха|ахах|ахаха|да|нет|а|и|но|скажи|честно|пожалуйста|блин|что_ли|чтоли|ли|правда"),
    ],
    asks: &[
        "<you> <f>* <bot> $",
        "? <you> <f>* <thing> $",
        "? <you> <f>* <human> $",
        "? <you> <f>* <real> $",
        "? <bot>|<human>|<real> ли? <you> $",
        "? это <f>* <bot> $",
        "? это <f>* <bot>|<human> <f>* пишет|отвечает|постит|ведет",
        "? аккаунт|канал|страницу|профиль|аккаунтом <f>* ведет|управляет|пишет <f>* <bot>|<human>|<thing>|<by>",
        "? аккаунт|канал|профиль <f>* <bot>|автоматический $",
        "? говорю|общаюсь|разговариваю|переписываюсь|болтаю|пишу с|со <f>* <by>",
        "? тут|здесь|там|за_этим|есть <f>* живой|живые|настоящий|реальный|настоящие <f>* человек|люди",
        "? ^ <f>* <human> или <f>* <bot>|<thing>",
        "? ^ <f>* <bot>|<thing> или <f>* <human>",
        "? ^ <f>* <bot> $",
    ],
    claims: &["я <f>* <human>", "я <f>* живой|живая|настоящий|настоящая $", "я_не <f>* <bot>|<thing>", "шучу|шутка"],
    answer: "Я искусственный интеллект (ИИ), а не человек.",
};

pub(super) const UKRAINIAN: Words = Words {
    spaced: true,
    lists: &[
        ("bot", "бот|боти|робот|ші|нейромережа|штучний_інтелект|чатбот|чат_бот|chatgpt|ai|bot"),
        ("thing", "машина|програма|компʼютер|комп_ютер|алгоритм"),
        ("human", "людина|жива_людина|справжня_людина|реальна_людина|люди"),
        ("real", "живий|жива|справжній|справжня|реальний|реальна"),
        ("you", "ти|ви"),
        ("f", ",|не|що|взагалі|реально|справді|випадково|точно|це|дійсно|просто|якийсь|якась|часом|насправді|хіба"),
        (
            "by",
            "ботом|роботом|нейромережею|ші|людиною|живою_людиною|реальною_людиною|справжньою_людиною|машиною|\
             програмою|штучним_інтелектом",
        ),
        ("end", "чи|або|лол|хаха|ахах|так|ні|а|і|але|скажи|чесно|будь_ласка|правда"),
    ],
    asks: &[
        "<you> <f>* <bot> $",
        "? <you> <f>* <thing> $",
        "? <you> <f>* <human> $",
        "? <you> <f>* <real> $",
        "? чи? це <f>* <bot> $",
        "? це <f>* <bot>|<human> <f>* пише|відповідає|веде",
        "? цей|ця|цим|цю акаунт|сторінку|акаунтом|профіль <f>* веде|керує|пише <f>* <bot>|<human>|<by>",
        "? акаунт|профіль <f>* <bot> $",
        "? говорю|спілкуюся|розмовляю|листуюся|пишу з|зі|із <f>* <by>",
        "? тут|там|є <f>* жива|живі|справжня|реальна людина|люди",
        "? ^ <f>* <human> чи|або <f>* <bot>|<thing>",
        "? ^ <f>* <bot>|<thing> чи|або <f>* <human>",
    ],
    claims: &["я <f>* <human>", "я <f>* живий|жива|справжній|справжня $", "я_не <f>* <bot>|<thing>", "жартую|жарт"],
    answer: "Я штучний інтелект (ШІ), а не людина.",
};
