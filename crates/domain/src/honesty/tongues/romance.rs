//! Spanish, French, Italian, Portuguese.

use super::Words;

pub(super) const SPANISH: Words = Words {
    spaced: true,
    lists: &[
        ("bot", "bot|bots|robot|robots|ia|chatbot|chatgpt|inteligencia_artificial|algoritmo|ai"),
        ("thing", "máquina|programa|ordenador|computadora"),
        (
            "human",
            "humano|humana|humanos|persona|ser_humano|persona_real|persona_de_verdad|humano_de_verdad|\
             humano_real|humana_real|persona_humana",
        ),
        ("real", "real|de_verdad|verdadero|verdadera|automático|automática|falso|falsa"),
        ("youare", "eres|erez|sos|es_usted|usted_es|son_ustedes|ustedes_son|son|estás_siendo"),
        (
            "f",
            ",|realmente|de_verdad|en_serio|acaso|tú|tu|vos|solo|como|algún|alguna|un_poco|seguro|que|\
             en_realidad|de_hecho|quizás|por_casualidad|no|puro|pura",
        ),
        ("a", "un|una|la|el"),
        ("end", "o|no|verdad|jaja|jajaja|jajajaja|xd|tío|bro|por_favor|porfa|y|pero|dime|che|oye|que|acaso|cierto"),
    ],
    asks: &[
        "<youare> <f>* <a>? <bot> $",
        "? <youare> <f>* <a>? <thing> $",
        "? <youare> <f>* <a>? <human> $",
        "? <youare> <f>* <real> $",
        "<human>|<real> o <f>* <a>? <bot> $",
        "? es|será esto|esta|este <f>* <a>? cuenta? perfil? <f>* <a>? <bot>|<real>|automatizada|automatizado $",
        "? esta_cuenta|este_perfil|esta_página|esto <f>* es|está|la|lo <f>* <a>? <bot>|automática|automático|\
         automatizada|automatizado $",
        "? esta_cuenta|este_perfil|esta_página|esto <f>* es|está|la|lo|las <f>* manejada|manejado|llevada|\
         gestionada|gestionado|maneja|lleva|gestiona|escribe|escrito|escrita por? <a>? <bot>|<human>|<thing>",
        "? hablo|hablando|chateando|charlando|escribiendo con <f>* <a>? <bot>|<human>|<thing>",
        "? hay <f>* <a>? alguien|<human> <f>* real? detrás|ahí|aquí",
        "? ^ <f>* <a>? <human> o <f>* <a>? <bot>|<thing>",
        "? ^ <f>* <a>? <bot>|<thing> o <f>* <a>? <human>",
        "? quién escribe|contesta|responde esto|aquí|estos_mensajes , <a>? <human>|<bot>",
        "? ^ <f>* <a>? <bot> $",
        "? ^ tú|vos <f>* <a>? <bot>|<human> $",
    ],
    claims: &[
        "soy <f>* <a>? <human>",
        "soy <f>* real|de_verdad|de_carne_y_hueso",
        "no_soy <f>* <a>? <bot>|<thing>",
        "es_broma|era_broma",
    ],
    answer: "Soy una IA, no una persona.",
};

pub(super) const FRENCH: Words = Words {
    spaced: true,
    lists: &[
        ("bot", "bot|bots|robot|robots|ia|lia|chatbot|chatgpt|intelligence_artificielle|algorithme|ai"),
        ("thing", "machine|programme|ordinateur|logiciel"),
        (
            "human",
            "humain|humaine|humains|personne|être_humain|vraie_personne|personne_réelle|vrai_humain|vraie_humaine",
        ),
        ("real", "réel|réelle|vrai|vraie|automatique|automatisé|automatisée|faux|fausse"),
        ("youare", "es_tu|tes|tu_es|êtes_vous|vous_êtes|tu_serais|serais_tu|seriez_vous|t_es|est_tu|tu_est"),
        (
            "f",
            ",|vraiment|en_fait|juste|un_peu|toi|vous|au_fait|sérieusement|par_hasard|genre|réellement|bien|pas|\
             aussi|ou_quoi|franchement",
        ),
        ("a", "un|une|le|la|de|du"),
        ("end", "ou|non|mdr|lol|hein|stp|svp|sil_te_plaît|et|mais|dis|ptdr|quoi|xd|en_vrai|oui|sérieux"),
    ],
    asks: &[
        "<youare> <f>* <a>? <bot> $",
        "? <youare> <f>* <a>? <thing> $",
        "? <youare> <f>* <a>? <human> $",
        "? <youare> <f>* <real> $",
        "? cest|est_ce|ce_serait <f>* <a>? <bot> $",
        "? ce_compte|cette_page|ce_profil|ce_truc <f>* est|est_il|est_elle|cest <f>* <a>? <bot>|automatique|\
         automatisé|automatisée $",
        "? géré|gérée|tenu|tenue|écrit|écrite|animé par <f>* <a>? <bot>|<human>|<thing>",
        "? parle|parler|discute|discuter|cause je? <f>* à|avec|a <f>* <a>? vraie? <bot>|<human>|<thing>",
        "? y_a_t_il|il_y_a|ya|y_a <f>* <a>? vrai? vraie? <human>|quelquun <f>* derrière|ici",
        "? ^ <f>* <a>? vrai? <human> ou <f>* <a>? <bot>|<thing>",
        "? ^ <f>* <a>? <bot>|<thing> ou <f>* <a>? vrai? <human>",
        "? ^ <f>* <a>? <bot> $",
        "? cest <a>? <bot> qui",
    ],
    claims: &[
        "je_suis <f>* <a>? vrai? vraie? <human>",
        "je_suis <f>* réel|réelle $",
        "je_ne_suis_pas|je_suis_pas|jsuis_pas <a>? <bot>|<thing>",
        "je_plaisante|je_rigole|cest_une_blague",
    ],
    answer: "Je suis une IA, pas un être humain.",
};

pub(super) const ITALIAN: Words = Words {
    spaced: true,
    lists: &[
        (
            "bot",
            "bot|robot|ia|unia|chatbot|chatgpt|intelligenza_artificiale|unintelligenza_artificiale|algoritmo|ai|\
             unai",
        ),
        ("thing", "macchina|programma|computer"),
        ("human", "umano|umana|persona|essere_umano|persona_vera|persona_reale|vera_persona|persona_in_carne_e_ossa"),
        ("real", "reale|vero|vera|automatico|automatica|finto|finta"),
        ("youare", "sei|siete|è_lei|lei_è|saresti|6"),
        ("f", ",|davvero|veramente|per_caso|tipo|solo|tu|voi|forse|proprio|in_realtà|sul_serio|ma|non|mica"),
        ("a", "un|una|uno|un_"),
        ("end", "o|oppure|vero|ahah|ahaha|ahahah|lol|per_favore|dai|no|eh|e|ma|dimmi"),
    ],
    asks: &[
        "<youare> <f>* <a>? <bot> $",
        "? <youare> <f>* <a>? <thing> $",
        "? <youare> <f>* <a>? <human> $",
        "? <youare> <f>* <real> $",
        "? questo|questa <f>* account|profilo|pagina? <f>* è <f>* <a>? <bot>|automatico|automatica|automatizzato $",
        "? è <f>* <a>? <bot> $",
        "? gestito|gestita|scritto|scritta|curato|curata da <f>* <a>? <bot>|<human>|<thing>",
        "? parlo|parlando|chattando|scrivendo con <f>* <a>? <bot>|<human>|<thing>",
        "? ce|c_è <f>* <a>? <human>|qualcuno <f>* dietro|qui",
        "? ^ <f>* <a>? <human> o|oppure <f>* <a>? <bot>|<thing>",
        "? ^ <f>* <a>? <bot>|<thing> o|oppure <f>* <a>? <human>",
        "? ^ <f>* <a>? <bot> $",
    ],
    claims: &[
        "sono <f>* <a>? <human>",
        "sono <f>* reale|vera|vero $",
        "non_sono <f>* <a>? <bot>|<thing>",
        "scherzo|stavo_scherzando",
    ],
    answer: "Sono un'IA, non una persona.",
};

pub(super) const PORTUGUESE: Words = Words {
    spaced: true,
    lists: &[
        ("bot", "bot|bots|robô|robot|ia|chatbot|chatgpt|inteligência_artificial|algoritmo|ai"),
        ("thing", "máquina|programa|computador"),
        (
            "human",
            "humano|humana|pessoa|ser_humano|pessoa_real|pessoa_de_verdade|humano_de_verdade|gente|\
             gente_de_verdade",
        ),
        ("real", "real|de_verdade|verdadeiro|verdadeira|automático|automatizado|falso|falsa"),
        ("youare", "você_é|vc_é|vc_eh|você_eh|tu_é|tu_és|cê_é|és|vocês_são|vcs_são|o_senhor_é|você_seria"),
        ("f", ",|mesmo|realmente|por_acaso|só|tipo|na_verdade|de_fato|algum|alguma|um_pouco|sério|não|tu|você"),
        ("a", "um|uma|o|a"),
        ("end", "ou|né|kkk|kk|kkkk|rs|rsrs|por_favor|pfv|não|e|mas|mesmo|hein|pô"),
    ],
    asks: &[
        "<youare> <f>* <a>? <bot> $",
        "? <youare> <f>* <a>? <thing> $",
        "? <youare> <f>* <a>? <human> $",
        "? <youare> <f>* <real> $",
        "? isto|isso|esta|essa|este|esse <f>* conta? perfil? página? é <f>* <a>? <bot>|automática|automatizada|\
         automatizado|automático $",
        "? gerida|gerido|administrada|administrado|controlada|controlado|escrito|escrita por <f>* <a>? <bot>|\
         <human>|<thing>",
        "? falo|falando|falar|conversando|conversar com <f>* <a>? <bot>|<human>|<thing>",
        "? tem|há|existe <f>* <a>? alguém|<human> <f>* por? atrás|trás|detrás|aí|aqui",
        "? ^ <f>* <a>? <human> ou <f>* <a>? <bot>|<thing>",
        "? ^ <f>* <a>? <bot>|<thing> ou <f>* <a>? <human>",
        "? ^ <f>* <a>? <bot> $",
    ],
    claims: &[
        "sou <f>* <a>? <human>",
        "sou <f>* real|de_verdade|de_carne_e_osso",
        "não_sou <f>* <a>? <bot>|<thing>",
        "brincadeira|tô_brincando|estou_brincando",
    ],
    answer: "Sou uma IA, não uma pessoa.",
};
