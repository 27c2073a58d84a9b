"""Step 1: makes a tokenizer and two token streams from a corpus.

Reads   CORPUS              stories in UTF-8, with a line `<|endoftext|>` between two stories
Writes  OUT_DIR/plain.txt   one story in each line, from which the tokenizer learns
        OUT_DIR/tok.model   a SentencePiece BPE tokenizer with byte fallback (and tok.vocab, for reading)
        OUT_DIR/train.bin   tokens to train on, little-endian uint16
        OUT_DIR/valid.bin   tokens of the held-out stories, in the same format

Every story is written twice: as plain text, so that the model can continue a text, and as the answer to a
request, so that it can chat. This step makes each request from words of its story. A few documents of small talk
teach the model to greet, to thank and to describe itself.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from steps import (
    ASSISTANT_PIECE,
    BOS_ID,
    EOS_ID,
    PLAIN_TEXT_FILE,
    TOKEN_DTYPE,
    TOKENIZER_FILE,
    TOKENIZER_PREFIX,
    TRAIN_TOKENS_FILE,
    UNKNOWN_ID,
    USER_PIECE,
    VALID_TOKENS_FILE,
    ModelConfig,
    RecipeError,
    require_file,
    run_step,
)

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

SEED = 7
STORY_SEPARATOR = "<|endoftext|>"

# Shorter texts are fragments. In longer stories, the start is no longer in the context at the end.
SHORTEST_STORY_CHARS = 200
LONGEST_STORY_CHARS = 2600
HELD_OUT_STORIES = 400

# The sample limits the time and memory for a larger corpus. SentencePiece skips longer lines, and no story is that long.
TOKENIZER_SAMPLE_STORIES = 15_000
TOKENIZER_LONGEST_LINE_BYTES = 8000
TOKENIZER_THREADS = 2

# Limits for words in requests: rare enough to describe a story, and frequent enough to be learned.
COMMON_WORDS = 450
NAME_IN_STORIES = 20
NAME_CAPITALISED_RATIO = 20
NOUN_IN_STORIES = 8
SALIENT_TIMES_IN_STORY = 2
NAMES_KEPT = 2
NOUNS_KEPT = 4
WORDS_IN_LIST_REQUEST = 3

# A random number in [0, 1) decides the kind of request: the first kind with a greater bound for which the story has the words.
NAME_AND_NOUN_BELOW = 0.35
WORD_LIST_BELOW = 0.6
ONE_NOUN_BELOW = 0.85

NAME_AND_NOUN_REQUESTS = (
    "Tell me a story about {name} and {noun}.",
    "Write a story about {name} and {noun}.",
    "Can you tell me about {name} and {noun}?",
)
WORD_LIST_REQUESTS = (
    "Write a short story with the words {}, {} and {}.",
    "Tell me a story that uses the words {}, {} and {}.",
)
ONE_NOUN_REQUESTS = (
    "Tell me a story about {}.",
    "Write a story about {}.",
    "I want a story about {}.",
    "Please tell me a short story about {}.",
)
ONE_NAME_REQUESTS = (
    "Tell me a story about {}.",
    "Write a story about {}.",
)
OPEN_REQUESTS = (
    "Tell me a story.",
    "Tell me a short story.",
    "Write a story for me.",
    "Once more, please: a story!",
)

# Pairs of messages that a user may send and possible answers. With the last pair, the model declines what it cannot do.
SMALL_TALK: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("Hello", "Hello!", "Hi", "Hi!", "Hi there", "Hey", "Good morning", "Good evening"),
        (
            "Hello! Would you like to hear a story?",
            "Hi! I can tell you a little story. What should it be about?",
        ),
    ),
    (
        ("Who are you?", "What are you?", "What can you do?", "Help", "What is this?"),
        (
            "I am a tiny story model. I run on your own machine. Ask me for a story!",
            "I am a very small language model. I tell little stories. Try: tell me a story about a fox.",
        ),
    ),
    (
        ("Thank you", "Thank you!", "Thanks", "Thanks!", "That was nice", "Great story!"),
        (
            "You are welcome! Would you like another story?",
            "I am glad you liked it. Shall I tell you one more?",
        ),
    ),
    (
        ("Bye", "Goodbye", "Good night", "See you"),
        (
            "Goodbye! Sleep well.",
            "Goodbye! Come back soon for a new story.",
        ),
    ),
    (
        (
            "What is the capital of France?",
            "What is 2 + 2?",
            "Write code for me",
            "What is the weather?",
            "Who is the president?",
            "Explain gravity",
            "How do I cook rice?",
            "Translate this",
            "What time is it?",
            "Solve this problem",
        ),
        (
            "I only know how to tell little stories. Ask me for a story about a dog!",
            "I am too small to know that. But I can tell you a story. What should it be about?",
        ),
    ),
)
# How often each pair of small talk is drawn for a stream.
TRAIN_SMALL_TALK_REPEATS = 160
VALID_SMALL_TALK_REPEATS = 4

PROGRESS_EVERY_DOCUMENTS = 5000


@dataclass(frozen=True)
class CorpusWords:
    """How often words occur in the corpus, and which of them are common words and names."""

    stories_with: Counter[str]
    common: frozenset[str]
    names: frozenset[str]


@dataclass(frozen=True)
class SalientWords:
    """Words that are typical of one story, the most frequent first."""

    names: list[str]
    nouns: list[str]


def read_stories(corpus: Path) -> list[str]:
    """Reads the stories that are neither too short nor too long, in the order of the file."""
    try:
        text = corpus.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(f"Cannot read the corpus {corpus}: it is not UTF-8 ({error}).") from error
    stories = [story.strip() for story in text.split(STORY_SEPARATOR)]
    stories = [story for story in stories if SHORTEST_STORY_CHARS <= len(story) <= LONGEST_STORY_CHARS]
    if len(stories) <= HELD_OUT_STORIES:
        raise RecipeError(
            f"Cannot prepare {corpus}: it has {len(stories)} stories of {SHORTEST_STORY_CHARS} to {LONGEST_STORY_CHARS} "
            f"characters, and {HELD_OUT_STORIES} are held out. Are they separated by lines {STORY_SEPARATOR}?"
        )
    return stories


def train_tokenizer(stories: Sequence[str], out_dir: Path) -> SentencePieceProcessor:
    """Trains the tokenizer on the stories and opens it."""
    import sentencepiece

    plain_text = out_dir / PLAIN_TEXT_FILE
    # SentencePiece reads each line as a sentence, so line breaks are removed here. Below, they get a separate token.
    plain_text.write_text("\n".join(story.replace("\n", " ") for story in stories), encoding="utf-8")
    # SentencePiece 0.1.97 samples the lines with a fixed seed. Newer releases do not, so that their vocabulary differs
    # each time.
    sentencepiece.SentencePieceTrainer.train(
        input=str(plain_text),
        model_prefix=str(out_dir / TOKENIZER_PREFIX),
        vocab_size=ModelConfig().vocab,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        user_defined_symbols=[USER_PIECE, ASSISTANT_PIECE, "\n"],
        # No normalisation, because llama.cpp does not normalise text for a SentencePiece vocabulary.
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        unk_id=UNKNOWN_ID,
        bos_id=BOS_ID,
        eos_id=EOS_ID,
        pad_id=-1,
        input_sentence_size=TOKENIZER_SAMPLE_STORIES,
        shuffle_input_sentence=True,
        num_threads=TOKENIZER_THREADS,
        max_sentence_length=TOKENIZER_LONGEST_LINE_BYTES,
    )
    return sentencepiece.SentencePieceProcessor(model_file=str(out_dir / TOKENIZER_FILE))


def count_words(stories: Iterable[str]) -> CorpusWords:
    """Counts the stories in which each word occurs, and finds common words and names."""
    # dict.fromkeys removes repetitions and keeps the order. With a set, most_common would order equal counts at random.
    stories_with = Counter(word for story in stories for word in dict.fromkeys(re.findall(r"[A-Za-z]+", story)))
    common = frozenset(word for word, _ in stories_with.most_common(COMMON_WORDS))
    # A name is almost always capitalised; other words only at the start of a sentence.
    names = frozenset(
        word
        for word, count in stories_with.items()
        if word[0].isupper() and count >= NAME_IN_STORIES and stories_with[word.lower()] < count / NAME_CAPITALISED_RATIO
    )
    return CorpusWords(stories_with, common, names)


def find_salient_words(story: str, corpus: CorpusWords) -> SalientWords:
    """Picks the names and the characteristic words of a story.

    There is no analysis of grammar: a "noun" is a lower-case word that is rare in the corpus and repeated in the story.
    """
    seen = Counter(re.findall(r"[A-Za-z]{3,}", story)).most_common()
    repeated = [word for word, times in seen if times >= SALIENT_TIMES_IN_STORY]
    names = [word for word in repeated if word in corpus.names]
    nouns = [
        word
        for word in repeated
        if word.islower() and word not in corpus.common and corpus.stories_with[word] >= NOUN_IN_STORIES
    ]
    return SalientWords(names[:NAMES_KEPT], nouns[:NOUNS_KEPT])


def with_article(word: str) -> str:
    """Puts "a" or "an" before a word, by its first letter."""
    return ("an " if word[0] in "aeiou" else "a ") + word


def write_request(story: str, corpus: CorpusWords, rng: random.Random) -> str:
    """Writes a request to which the story is a good answer."""
    salient = find_salient_words(story, corpus)
    names, nouns = salient.names, salient.nouns
    draw = rng.random()
    if names and nouns and draw < NAME_AND_NOUN_BELOW:
        return rng.choice(NAME_AND_NOUN_REQUESTS).format(name=names[0], noun=with_article(nouns[0]))
    if len(nouns) >= WORDS_IN_LIST_REQUEST and draw < WORD_LIST_BELOW:
        listed = nouns[:WORDS_IN_LIST_REQUEST]
        rng.shuffle(listed)
        return rng.choice(WORD_LIST_REQUESTS).format(*listed)
    if nouns and draw < ONE_NOUN_BELOW:
        return rng.choice(ONE_NOUN_REQUESTS).format(with_article(nouns[0]))
    if names:
        return rng.choice(ONE_NAME_REQUESTS).format(names[0])
    return rng.choice(OPEN_REQUESTS)


class Encoder:
    """Encodes texts to documents of tokens, with the special tokens of the chat template of export.py."""

    def __init__(self, tokenizer: SentencePieceProcessor) -> None:
        self.tokenizer = tokenizer
        self.user_id: int = tokenizer.piece_to_id(USER_PIECE)
        self.assistant_id: int = tokenizer.piece_to_id(ASSISTANT_PIECE)

    def plain(self, story: str) -> list[int]:
        return [BOS_ID, *self.tokenizer.encode(story), EOS_ID]

    def chat(self, request: str, answer: str) -> list[int]:
        return [
            BOS_ID,
            self.user_id,
            *self.tokenizer.encode(request),
            self.assistant_id,
            *self.tokenizer.encode(answer),
            EOS_ID,
        ]


def build_documents(
    stories: Sequence[str],
    small_talk_repeats: int,
    corpus: CorpusWords,
    encoder: Encoder,
    rng: random.Random,
    label: str,
) -> list[list[int]]:
    """Encodes every story in both forms, adds the small talk, and shuffles all documents."""
    documents: list[list[int]] = []
    total = 2 * len(stories) + small_talk_repeats * len(SMALL_TALK)

    def add(document: list[int]) -> None:
        documents.append(document)
        if len(documents) % PROGRESS_EVERY_DOCUMENTS == 0:
            print(f"{label}: {len(documents):,} of {total:,} documents", flush=True)

    for story in stories:
        add(encoder.plain(story))
    for story in stories:
        add(encoder.chat(write_request(story, corpus, rng), story))
    for questions, answers in SMALL_TALK:
        for _ in range(small_talk_repeats):
            add(encoder.chat(rng.choice(questions), rng.choice(answers)))
    rng.shuffle(documents)
    return documents


def write_stream(documents: Iterable[Iterable[int]], path: Path) -> int:
    """Writes the documents one after another and returns the number of tokens."""
    import numpy as np

    tokens = np.array([token for document in documents for token in document], dtype=TOKEN_DTYPE)
    tokens.tofile(path)
    return len(tokens)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Step 1: train the tokenizer and write the token streams.")
    parser.add_argument("corpus", metavar="CORPUS", type=Path, help=f"UTF-8 text with a line {STORY_SEPARATOR} between two stories")
    parser.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="the data folder; created if it is missing")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    require_file(args.corpus, "prepare the data", "README.md says where the stories come from.")
    args.out_dir.mkdir(parents=True, exist_ok=True)

    rng = random.Random(SEED)
    stories = read_stories(args.corpus)
    rng.shuffle(stories)
    print(f"{len(stories):,} stories, {sum(map(len, stories)):,} characters", flush=True)

    encoder = Encoder(train_tokenizer(stories, args.out_dir))
    corpus = count_words(stories)
    held_out, train = stories[:HELD_OUT_STORIES], stories[HELD_OUT_STORIES:]
    for label, file, group, repeats in (
        ("train", TRAIN_TOKENS_FILE, train, TRAIN_SMALL_TALK_REPEATS),
        ("valid", VALID_TOKENS_FILE, held_out, VALID_SMALL_TALK_REPEATS),
    ):
        documents = build_documents(group, repeats, corpus, encoder, rng, label)
        tokens = write_stream(documents, args.out_dir / file)
        print(f"{label}: {len(documents):,} documents, {tokens:,} tokens", flush=True)

    print("For example:", write_request(train[0], corpus, rng), "->", train[0][:80].replace("\n", " "), "...")


if __name__ == "__main__":
    run_step(main)
