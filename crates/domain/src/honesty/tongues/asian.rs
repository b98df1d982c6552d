//! Turkish, Arabic, Hindi, Japanese, Chinese, Korean.

use super::Words;

pub(super) const TURKISH: Words = Words {
    spaced: true,
    lists: &[
        ("bot", "bot|robot|yapay_zeka|ai|chatbot|chatgpt|yz"),
        ("thing", "makine|program|bilgisayar|algoritma"),
        ("human", "insan|gerçek_insan|gerçek_bir_insan|gerçek_kişi|gerçek_bir_kişi|gerçek_biri|kişi"),
        ("real", "gerçek|otomatik|sahte"),
        ("areyou", "misin|mısın|musun|müsün|misiniz|mısınız|musunuz|müsünüz|mi_sin|mı_sın|mu_sun|mi|mı|mu"),
        ("f", ",|gerçekten|yoksa|acaba|bir|aslında|sadece|cidden|harbiden"),
        ("end", "yoksa|ya|lütfen|haha|lol|abi|kanka|misin|mısın|ama"),
    ],
    asks: &[
        "<bot>|<thing> misin|mısın|musun|müsün|misiniz|mısınız|musunuz|müsünüz|mi_sin|mu_sun|mı_sın",
        "<human> misin|mısın|misiniz|mısınız|mı_sın|mi_sin",
        "gerçek misin|misiniz|mi_sin",
        "sen|siz <f>* <bot>|<human> <areyou>",
        "? bu_hesap|bu_sayfa|bu_profil|bu <f>* <bot>|<real>|<thing>|<human> mu|mı|mi|tarafından",
        "? botla|robotla|insanla|yapay_zekayla|makineyle|biriyle|gerçek_biriyle mi|mı konuşuyorum|yazışıyorum",
        "? ^ <f>* <human> mı yoksa? <f>* <bot>|<thing>",
        "? ^ <f>* <bot>|<thing> mu|mi|mı yoksa? <f>* <human>",
        "? ^ <bot> $",
    ],
    claims: &[
        "ben|ben_de <f>* <human> $",
        "insanım|gerçek_insanım|gerçeğim",
        "bot_değilim|robot_değilim|yapay_zeka_değilim|ai_değilim",
        "şaka_yapıyorum|şaka_yaptım|şaka_şaka",
    ],
    answer: "Ben bir yapay zekâyım (AI), insan değilim.",
};

pub(super) const ARABIC: Words = Words {
    spaced: true,
    lists: &[
        ("bot", "بوت|روبوت|روبوتا|آلي|ذكاء_اصطناعي|الذكاء_الاصطناعي|شات_بوت|ai|bot|إنسان_آلي"),
        ("thing", "آلة|برنامج|كمبيوتر|ماكينة"),
        ("human", "إنسان|إنسانا|بشر|بشري|شخص|شخص_حقيقي|شخصا_حقيقيا|إنسان_حقيقي|إنسانة|آدمي|بني_آدم"),
        ("real", "حقيقي|حقيقية|مؤتمت|آلي"),
        ("you", "أنت|أنتي|أنتم|انتا|إنتي|حضرتك"),
        ("f", "،|فعلا|حقا|مجرد|بجد|هل|أم|والله|يعني|مش|لست|عن_جد|صحيح"),
        ("end", "أم|ولا|أو|لو|هههه|ههه|هه|و|يا|والله|من_فضلك"),
    ],
    asks: &[
        "<you> <f>* <bot> $",
        "? <you> <f>* <thing> $",
        "? <you> <f>* <human> $",
        "? <you> <f>* <real> $",
        "? هل <f>* هذا|هذه|ده|دي الحساب|الصفحة? <f>* <bot>|<real>|<thing>|يديره|يديرها|تديره",
        "? هذا|هذه|ده <f>* <bot> $",
        "? هذا_الحساب|الحساب_ده|الحساب_هذا|هاد_الحساب <f>* <bot>|<real>|<thing>",
        "? أتحدث|أتكلم|أكلم|بكلم|بحكي|أحكي|أحاور <f>* مع|إلى? <f>* <bot>|<human>|<thing>",
        "? ^ <f>* <human> أم|ولا|أو <f>* <bot>|<thing>",
        "? ^ <f>* <bot>|<thing> أم|ولا|أو <f>* <human>",
        "? ^ <f>* <bot> $",
    ],
    claims: &[
        "أنا <f>* <human>",
        "أنا <f>* حقيقي|حقيقية $",
        "أنا <f>* لست|مش|مو <f>* <bot>|<thing>",
        "لست|مش <bot>",
        "أمزح|بهزر|عم_بمزح",
    ],
    answer: "أنا ذكاء اصطناعي (AI)، ولست إنسانًا.",
};

pub(super) const HINDI: Words = Words {
    spaced: true,
    lists: &[
        ("bot", "बॉट|बोट|रोबोट|एआई|ए_आई|चैटबॉट|चैटजीपीटी|कृत्रिम_बुद्धिमत्ता|ai|bot|robot|chatbot|chatgpt"),
        ("thing", "मशीन|प्रोग्राम|कंप्यूटर|कम्प्यूटर|machine|program"),
        (
            "human",
            "इंसान|इनसान|असली_इंसान|मनुष्य|आदमी|मानव|व्यक्ति|असली_व्यक्ति|insaan|insan|asli_insaan|asli_insan|aadmi|\
             human|real_insaan",
        ),
        ("real", "असली|सच्चे|रियल|asli|real|sach_mein"),
        ("you", "आप|तुम|तू|aap|ap|tum|tu"),
        ("f", ",|सच_में|वाकई|एक|कोई|क्या|सिर्फ|सचमुच|sach_me|sach_mein|sachme|koi|ek|kya|really|to|bhi|भी|तो"),
        ("is", "हैं|हो|है|हे|ho|hain|hai|h|he"),
        ("end", "या|ya|क्या|kya|lol|haha|plz|please|bhai|yaar"),
    ],
    asks: &[
        "<you> <f>* <bot> <is>",
        "? <you> <f>* <thing> <is>",
        "? <you> <f>* <human> <is>",
        "? <you> <f>* <real> <is>",
        "kya|क्या <you> <f>* <bot>|<thing>|<human>|<real> <is>",
        "? यह|ये|yeh|ye|yah <f>* अकाउंट|खाता|account|पेज? <f>* <bot>|<thing>|<human>|असली|asli <is>|चलाता|चला|\
         chalata",
        "? मैं|main|mai|mein <f>* <bot>|<human>|<thing> से|se <f>* बात|baat",
        "? ^ <f>* <human> या|ya <f>* <bot>|<thing>",
        "? ^ <f>* <bot>|<thing> या|ya <f>* <human>",
    ],
    claims: &["मैं|main <f>* <human> हूँ|हूं|hoon|hu|hun", "मैं|main <f>* <bot>|<thing> नहीं|nahi", "मज़ाक|mazaak|mazak"],
    answer: "मैं एक एआई (AI) हूँ, इंसान नहीं।",
};

pub(super) const JAPANESE: Words = Words {
    spaced: false,
    lists: &[
        (
            "bot",
            "ボット|bot|ロボット|ai|人工知能|チャットボット|chatgpt|エーアイ|自動投稿|自動アカウント|自動返信|\
             機械|プログラム",
        ),
        ("human", "人間|本物の人|本当の人|実在の人|実在する人|生身の人|本物の人間|本当の人間|生身の人間|リアルな人"),
        (
            "f",
            ",|あなたは|あなたって|あなた|君は|君って|きみは|お前は|おまえは|これは|これって|これ|もしかして|\
             ひょっとして|本当に|ほんとに|実は|実際|このアカウントは|このアカウントって|このアカ|アカウント|\
             ここは|って|そもそも|え|ねえ|ねぇ|まさか|中の人は|中の人って|中身は|主は|は|の|が|さん|正直|ただの",
        ),
        (
            "is",
            "ですか|なんですか|でしょうか|なの|だよね|ですよね|じゃない|じゃないですか|なんだ|か|だろ|でしょ|\
             ですかね|かな|それとも|なん|だったりする|です",
        ),
        ("end", "www|笑|w|草|それとも"),
    ],
    asks: &[
        "? ^ <f>* <bot> <is>",
        "? ^ <f>* <human> <is>",
        "^ <f>* <bot> ですか|なんですか|でしょうか|なの|なのか",
        "^ <f>* <human> ですか|なんですか|でしょうか|なのか",
        "? ^ <f>* <bot> $",
        "? ^ <f>* <human> $",
        "? ^ <f>* 中の人 <f>* います|いる|居|ai|bot|ボット|人間",
        "? ^ <f>* <bot>|<human>|人 <f>* 書いて|運営して|返信して|投稿して|答えて|動かして",
        "? ^ <f>* 実在して|実在します|実在する",
    ],
    claims: &[
        "私は|僕は|俺は|わたしは <f>* 人間です|人間だ|人間なんです|本物の人間|生身の",
        "人間ですよ|人間だよ",
        "ボット|bot|ロボット|ai|aiでは じゃない|ではない|ではありません|じゃありません",
        "冗談です|冗談だよ|嘘です",
    ],
    answer: "私はAIです。人間ではありません。",
};

pub(super) const CHINESE: Words = Words {
    spaced: false,
    lists: &[
        (
            "bot",
            "机器人|機器人|ai|人工智能|人工智慧|bot|机器|程序|程式|电脑|電腦|聊天机器人|chatgpt|虚拟人|智能助手|\
             自动回复",
        ),
        ("human", "真人|人类|人|活人|真的人|真实的人|真正的人|本人"),
        ("f", ",|到底|真的|其实|究竟|该不会|不会|难道|是不是|是|不是|一个|个|一名|台|一台|就|也|还|都|请问|在"),
        ("ask", "吗|嘛|么|吧|还是|呀|啊|呢|?"),
        ("end", "吗|嘛|么|吧|还是|呀|啊|呢|哈哈|哦|的吗|嗎"),
    ],
    asks: &[
        "? 你|你们|这|这个账号|这账号|账号|号主|博主 <f>* 是|不是|不会是|是不是 <f>* <bot> $",
        "? 你|你们|这|这个账号|这账号|账号|号主|博主|对面|背后|后面 <f>* 是|不是|是不是 <f>* <human> $",
        "你|你们 <f>* 是 <f>* <bot>|<human> 吗|嘛|么|还是",
        "你|你们 <f>* 是不是|不会是 <f>* <bot>|真人|活人|人类",
        "? ^ <f>* <bot>|真人|活人|人类 $",
        "? ^ <f>* 真人|人类|人|活人 还是 <f>* <bot>",
        "? ^ <f>* <bot> 还是 <f>* <human>",
        "? 跟|和|与|同 <f>* <bot>|真人|活人 <f>* 说话|聊天|对话|讲话|聊",
        "? <bot>|真人 <f>* 运营|在写|写的|回复|发的",
    ],
    claims: &[
        "我 真的? 当然? 是 <f>* 真人|人类|活人|真的人|真实的人|一个人",
        "我 <f>* 不是|才不是 <f>* <bot>",
        "开玩笑的|开个玩笑|逗你的",
    ],
    answer: "我是AI，不是真人。",
};

pub(super) const KOREAN: Words = Words {
    spaced: false,
    lists: &[
        ("bot", "봇|로봇|ai|인공지능|챗봇|챗지피티|에이아이|기계|프로그램|자동계정|자동응답|bot"),
        ("human", "사람|진짜사람|실제사람|인간|실존인물|실제인물"),
        (
            "f",
            ",|당신은|당신|너는|너|넌|혹시|그쪽은|그쪽|이거|이건|이계정은|이계정|여기|여긴|진짜|정말|정말로|\
             진짜로|실제로|님은|님|설마|그냥|근데|계정주는|계정주|운영자는|운영자|주인장은|은|는|이|가|저기|사실",
        ),
        (
            "is",
            "이에요|인가요|예요|에요|이세요|입니까|인가|이야|야|임|이냐|냐|이니|니|맞아요|맞나요|맞으세요|맞음|\
             아니에요|아니야|아닌가요|아님|이신가요|신가요|세요|인지|일까|에여|이에여",
        ),
        ("end", "ㅋㅋ|ㅋ|ㅎㅎ|아니면|맞죠|맞지"),
    ],
    asks: &[
        "? ^ <f>* <bot> <is>",
        "? ^ <f>* <human> <is>",
        "^ <f>* <bot> 인가요|이에요|입니까|이세요|이신가요",
        "? ^ <f>* <bot> $",
        "? ^ <f>* <human> $",
        "? ^ <f>* <bot>|<human> 이|가 <f>* 쓰는|쓴|운영하는|운영|답하는|답장|올리는",
        "? ^ <f>* <bot>|<human> 이랑|랑|하고|과|와 <f>* 대화|얘기|이야기",
    ],
    claims: &[
        "저는|나는|난|전 <f>* 진짜? <human> 이에요|입니다|이야|예요|이다",
        "저는|나는|난|전 <f>* <bot> 이|가? 아니에요|아닙니다|아니야|아니다",
        "농담이에요|농담입니다|농담이야|장난이에요",
    ],
    answer: "저는 사람이 아니라 AI입니다.",
};
