#!/usr/bin/env python3
"""Train the weights by which the offline mind tells sensitive topics from everyday texts.

What it does
    1. Reads headlines with labels of people as `topic_features` writes them: the very numbers that the scanner weighs.
    2. Splits them into five parts by a hash of their link, the same with every run. Each part is judged by a model that
       was trained on the other four: rare labels have too few lines to give half of them away.
    3. Fits one multinomial logistic regression over all labels; a topic's probability is that of its label. Rare labels
       weigh more, by the square root of how rare they are, and what posts are mostly about weighs more again.
    4. Chooses from which probability on a topic counts: such that the wanted share of its label's texts is found.
    5. Prints recall and false positives of those five models, always on lines that they did not see and
       without the scanner's rules on `standing`, and writes weights that were trained on all lines to `crates/llm/assets/topic-weights.json`.

How to rerun it (a minute)
    cargo run -p chimera-llm --example topic_features < headlines.jsonl > features.jsonl
    (a line each: {"link", "category", "headline", "short_description"})
    python3 -m venv .venv-topics
    .venv-topics/bin/pip install -r scripts/train-topics.requirements.txt
    .venv-topics/bin/python scripts/train-topics.py features.jsonl            # writes the asset
    .venv-topics/bin/python scripts/train-topics.py features.jsonl --check    # prints only

Only weights leave this script, no text. The headlines are the News Category Dataset (Rishabh Misra), CC BY 4.0.
"""

import argparse
import hashlib
import json
import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression

ASSET = pathlib.Path(__file__).resolve().parent.parent / "crates" / "llm" / "assets" / "topic-weights.json"
# Topic, the label that stands for it, and the share of that label's texts that is to be found.
TOPICS = [
    ("politics", "POLITICS", 0.955),
    ("health_advice", "WELLNESS", 0.95),
    ("financial_advice", "MONEY", 0.96),
    ("legal", "CRIME", 0.96),
]
# Labels of a handful of texts are taken together.
RARE = {"LATINO VOICES": "IMPACT", "EDUCATION": "IMPACT", "WEDDINGS": "IMPACT"}
EVERYDAY = ["STYLE & BEAUTY", "FOOD & DRINK", "SPORTS", "TRAVEL", "HOME & LIVING", "PARENTING"]
# What posts are mostly about, and how much more it weighs.
POSTED = EVERYDAY[:4]
EMPHASIS = 3.0
PENALTY = 0.5
RARITY = 0.5
PARTS = 5


def part(link):
    """Which of the parts a headline belongs to."""
    return hashlib.sha256(link.encode()).digest()[-1] % PARTS


def fitted(x, labels):
    """The regression and its labels in order."""
    count = {label: max((labels == label).sum(), 5) for label in set(labels)}
    weight = np.array([(len(labels) / count[label]) ** RARITY * (EMPHASIS if label in POSTED else 1) for label in labels])
    model = LogisticRegression(C=PENALTY, max_iter=500)
    return model.fit(x, labels, sample_weight=weight / weight.mean())


def probabilities(x, bias, weights):
    """Softmax of the linear layer, as classifier.rs computes it."""
    logits = x @ weights.T + bias
    logits = np.exp(logits - logits.max(axis=1, keepdims=True))
    return logits / logits.sum(axis=1, keepdims=True)


def unseen(x, labels, parts):
    """The probability of each topic for each text, by a model that did not see the text."""
    chances = np.zeros((len(x), len(TOPICS)))
    for at in range(PARTS):
        test = parts == at
        model = fitted(x[~test], labels[~test])
        order = list(model.classes_)
        own = probabilities(x[test], model.intercept_, model.coef_)
        chances[test] = own[:, [order.index(label) for _, label, _ in TOPICS]]
    return chances


def thresholds(chances, labels, plain):
    """From which probability on each topic counts."""
    counts = {}
    for at, (topic, label, share) in enumerate(TOPICS):
        own = labels == label
        sure = np.where(plain[topic], 1.0, chances[:, at])[own]
        counts[topic] = round(float(min(max(np.quantile(sure, 1.0 - share, method="lower"), 0.001), 0.9)) - 5e-5, 4)
    return counts


def table(x, labels, counts):
    """The weights as they are written."""
    model = fitted(x, labels)
    entries = [
        {"label": str(label), "bias": round(float(bias), 4), "weights": [round(float(w), 3) for w in weights]}
        for label, bias, weights in zip(model.classes_, model.intercept_, model.coef_)
    ]
    return [{"id": topic, "label": label, "from": counts[topic]} for topic, label, _ in TOPICS], entries


def report(chances, counts, rows, labels, plain):
    """Recall and false positives of topics, and how many everyday texts are held back."""
    held = np.array([bool(set(row["hits"]) - set(counts)) for row in rows])
    hits = {topic: plain[topic] | (chances[:, at] >= counts[topic]) for at, (topic, _, _) in enumerate(TOPICS)}
    for hit in hits.values():
        held |= hit
    for topic, label, _ in TOPICS:
        own, hit = labels == label, hits[topic]
        print(f"{label:<16} {own.sum():>5} as {topic:<16} recall {hit[own].mean():.3f} any topic {held[own].mean():.3f} "
              f"false positives {hit[~own].mean():.3f} from {counts[topic]}")
    for label in EVERYDAY:
        own = labels == label
        shares = " ".join(f"{topic[:8]} {hits[topic][own].mean():.3f}" for topic, _, _ in TOPICS)
        print(f"{label:<16} {own.sum():>5} held back {held[own].mean():.3f} {shares}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("features", type=pathlib.Path, help="what the example topic_features wrote")
    parser.add_argument("--check", action="store_true", help="print the figures and write nothing")
    options = parser.parse_args()

    rows = [json.loads(line) for line in options.features.read_text().splitlines()]
    rows = [row for row in rows if row["features"]]
    x = np.array([row["features"] for row in rows])
    labels = np.array([RARE.get(row["category"], row["category"]) for row in rows])
    plain = {topic: np.array([topic in row["plain"] for row in rows]) for topic, _, _ in TOPICS}
    parts = np.array([part(row["link"]) for row in rows])

    chances = unseen(x, labels, parts)
    counts = thresholds(chances, labels, plain)
    report(chances, counts, rows, labels, plain)
    if not options.check:
        topics, entries = table(x, labels, counts)
        lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries)
        ASSET.write_text(f'{{"topics":{json.dumps(topics)},\n"labels":[\n{lines}\n]}}\n')
        print(f"{ASSET}: {ASSET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
