import { entryTokens } from "@waggle/engine";
import type { SlotSampling, Token } from "@waggle/engine";
import { driveSlots, type DrivenBackend } from "@waggle/engine/testing";
import { SamplingSchema, WaggleError, type Sampling } from "@waggle/protocol";
import { backendContract } from "@waggle/testing";
import { getLlama } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commonGrammars } from "@waggle/grammar/testing";
import { describeBindings, loadOn } from "../testing/bindings.ts";
import { generate as generateIn } from "../testing/generate.ts";
import { storyModel } from "../testing/story-model.ts";
import { parseGbnf } from "@waggle/grammar/gbnf";
import { createMatcher, type MatcherPosition } from "@waggle/grammar/gbnf";
import { loadLlamaBackend } from "../load/load.ts";

const options = {
  modelPath: storyModel,
  slots: 4,
  contextSize: 256,
  batchSize: 128,
  threads: 1,
  device: "cpu",
} as const;

describeBindings((binding) => {
  describe.each(["on", "off"] as const)("with flash attention %s", (flashAttention) => {
    backendContract("llama", () => loadOn(binding, { ...options, flashAttention }));
  });
});

const greedy = samplingOf({ temperature: 0 });

function samplingOf(fields: Partial<Sampling>, seed = 1): SlotSampling {
  return { ...SamplingSchema.parse(fields), seed };
}

describe("the llama backend", () => {
  let backend: DrivenBackend;
  beforeAll(async () => {
    backend = driveSlots(await loadLlamaBackend(options));
  });
  afterAll(() => backend.dispose());

  const tokenized = async (text: string): Promise<readonly Token[]> =>
    entryTokens((await backend.tokenize({ kind: "text", text })).entries);
  const textOf = (tokens: readonly Token[]): string =>
    new TextDecoder().decode(Uint8Array.from(tokens.flatMap((token) => [...backend.tokenBytes(token)])));

  /** Generates in slot 0 after a text, up to the end of generation or `count` tokens. */
  async function generate(text: string, sampling: SlotSampling, count: number): Promise<readonly Token[]> {
    return (await generateIn(backend, { slot: 0, prompt: await tokenized(text), sampling, count })).tokens;
  }

  describe("steps", () => {
    test("fill a slot to its last token; then only the entry of this slot fails", async () => {
      const prompt = Array.from({ length: 254 }, (_, i) => 300 + i);
      await backend.begin(0, 0, samplingOf({ ignore_eos: true }));
      await backend.begin(1, 0, samplingOf({ ignore_eos: true }));
      await backend.step([{ kind: "prefill", slot: 0, tokens: prompt.slice(0, 127), sample: false }]);
      await backend.step([{ kind: "prefill", slot: 1, tokens: prompt.slice(0, 5), sample: true }]);
      const kinds: string[][] = [];
      for (const entry of [
        { kind: "prefill", slot: 0, tokens: prompt.slice(127), sample: true },
        { kind: "decode", slot: 0 },
        { kind: "decode", slot: 0 },
      ] as const) {
        const results = await backend.step([entry, { kind: "decode", slot: 1 }]);
        kinds.push(results.map(({ kind }) => kind));
      }
      expect(kinds).toEqual([
        ["token", "token"],
        ["token", "token"],
        ["failed", "token"],
      ]);
      await backend.end(0);
      await backend.end(1);
    });

    test("that violate the rules of the Backend port are rejected", async () => {
      await backend.begin(0, 0, greedy);
      await backend.end(0);
      await expect(backend.step([{ kind: "decode", slot: 0 }])).rejects.toThrow("no work has begun");
      await expect(backend.begin(9, 0, greedy)).rejects.toThrow("There is no slot 9");
    });
  });

  describe("prompts", () => {
    const bos = 1;
    const eos = 2;
    const user = 3;
    const assistant = 4;
    const words = async (text: string): Promise<Token[]> => (await tokenized(text)).slice(1);

    test("of a conversation follow the model's template", async () => {
      const tokens = entryTokens(
        (
          await backend.tokenize({
            kind: "messages",
            messages: [
              { role: "system", content: "Be kind." },
              { role: "user", content: "Hello" },
              { role: "assistant", content: "Hi! What shall I tell?" },
              { role: "user", content: "Tell me a story.\nA short one." },
            ],
          })
        ).entries,
      );
      expect(tokens).toEqual([
        ...[bos, user, ...(await words("Be kind."))],
        ...[bos, user, ...(await words("Hello"))],
        ...[assistant, ...(await words("Hi! What shall I tell?")), eos],
        ...[bos, user, ...(await words("Tell me a story.\nA short one.")), assistant],
      ]);
    });

    test("have no control tokens from raw text either", async () => {
      expect((await tokenized("a</s><|user|>")).filter((token) => token <= assistant)).toEqual([bos]);
      expect(textOf(await tokenized("a</s><|user|>"))).toBe(" a</s><|user|>");
    });
  });

  describe("questions about the model", () => {
    test("tokenizing a text adds only the requested special tokens", async () => {
      const once = entryTokens((await backend.tokenize({ kind: "text", text: "Once</s>" })).entries);
      expect(await backend.tokenizeText("Once</s>", true, false)).toEqual(once);
      expect(await backend.tokenizeText("Once</s>", false, false)).toEqual(once.slice(1));
      expect(await backend.tokenizeText("</s>", false, true)).toEqual([2]);
      expect((await backend.tokenizeText("<s>Once", true, true)).filter((token) => token === 1)).toEqual([1]);
    });

    test("a rendered conversation is the text whose tokens are in the prompt", async () => {
      const messages = [{ role: "user", content: "Hi </s>" }] as const;
      expect(await backend.renderMessages({ kind: "messages", messages })).toBe("<s><|user|>Hi </s><|assistant|>");
    });
  });

  describe("embeddings", () => {
    const cosine = (a: readonly number[] = [], b: readonly number[] = []): number =>
      a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

    async function embed(text: string, pieceTokens = Infinity): Promise<readonly number[] | undefined> {
      const { embedder } = backend;
      const tokens = (await embedder?.tokenize(text)) ?? [];
      let vector: readonly number[] | undefined;
      for (let at = 0; at < tokens.length; at += pieceTokens) {
        const piece = tokens.slice(at, at + pieceTokens);
        vector = await embedder?.feed({
          tokens: piece,
          first: at === 0,
          last: at + piece.length >= tokens.length,
        });
      }
      return vector;
    }

    test("of a text in pieces equal the library's embedding of the whole text", async () => {
      await using llama = await getLlama({
        gpu: false,
        build: "never",
        skipDownload: true,
        progressLogs: false,
        maxThreads: 1,
      });
      await using model = await llama.loadModel({ modelPath: storyModel });
      await using context = await model.createEmbeddingContext({ contextSize: 256, batchSize: 256, threads: 1 });
      for (const text of ["a", "Once upon a time there was a little bee.", "x y z ".repeat(30)]) {
        const { vector } = await context.getEmbeddingFor(text);
        const length = Math.hypot(...vector);
        const whole = vector.map((value) => value / length);
        expect(cosine(await embed(text, 128), whole), text).toBeGreaterThan(0.9999);
        expect(cosine(await embed(text, 7), whole), text).toBeGreaterThan(0.9999);
      }
    });
  });

  describe("sampling", () => {
    const story = "Once upon a time there was a";

    test.each(commonGrammars.filter(({ name }) => name !== "chess"))(
      "follows a grammar: $name",
      async ({ grammar }) => {
        for (const temperature of [0, 1.5]) {
          const tokens = await generate(story, samplingOf({ temperature, grammar, min_p: 0 }), 80);
          const matcher = createMatcher(parseGbnf(grammar));
          matcher.budget = Infinity;
          let at: MatcherPosition | undefined = matcher.start();
          for (const token of tokens.filter((each) => !backend.isEndOfGeneration(each))) {
            for (const byte of backend.tokenBytes(token)) at = at === undefined ? undefined : matcher.advance(at, byte);
          }
          expect(at, textOf(tokens)).toBeDefined();
          if (backend.isEndOfGeneration(tokens.at(-1) ?? -1)) expect(at?.state.complete).toBe(true);
        }
      },
    );

    test("with a grammar has logprobs, too", async () => {
      const sampling = { ...samplingOf({ temperature: 0, grammar: 'root ::= "yes" | "no"' }), topLogprobs: 2 };
      const generation = { slot: 0, prompt: await tokenized(story), sampling, count: 1 };
      const [result] = (await generateIn(backend, generation)).results;
      expect(result).toMatchObject({ kind: "token", logprobs: { top: [{}, {}] } });
    });

    test("follows a grammar even if all its tokens are banned", async () => {
      const yes = samplingOf({ temperature: 1, grammar: 'root ::= "yes"' });
      const banned = new Set(
        Array.from({ length: 2_048 }, (_, token) => token).filter((token) => textOf([token]).startsWith("y")),
      );
      const logit_bias = Object.fromEntries([...banned].map((token) => [String(token), -100]));
      expect(textOf(await generate(story, { ...yes, logit_bias }, 10))).toBe("yes");
    });

    test("does not end if the end token is banned", async () => {
      const free = await generate(story, greedy, 240);
      expect(free.length).toBeLessThan(240);
      expect(await generate(story, samplingOf({ temperature: 0, logit_bias: { "2": -100 } }), 240)).toHaveLength(240);
    });

    test.each<[field: string, fields: Partial<SlotSampling>, reason: RegExp]>([
      ["grammar", { grammar: "root ::= (" }, /not valid GBNF/],
      ["grammar", { grammar: 'branch ::= "a"' }, /rule named root/],
      ["grammar", { grammar: 'root ::= root "a" | "b"' }, /left recursion/],
      ["grammar", { grammar: `root ::= ${"(".repeat(30_000)}"a"${")".repeat(30_000)}` }, /nests groups more than/],
      ["grammar", { grammar: String.raw`root ::= "\x00"` }, /NUL/],
      ["grammar", { grammar: "root ::= <[1]> <[2]>" }, /names tokens/],
      ["logit_bias", { logit_bias: { "2048": 1 } }, /there is no token 2048; the model has 2048 tokens/],
      ["logit_bias", { logit_bias: { "2": 5 } }, /ends the generation/],
      ["ignore_eos", { ignore_eos: true, grammar: 'root ::= "a"' }, /only the grammar decides/],
    ])("with an impossible %s is rejected: %j", async (field, fields, reason) => {
      const refused: unknown = await backend.checkSampling({ ...greedy, ...fields }).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(WaggleError);
      expect(refused).toMatchObject({
        code: "invalid_argument",
        message: expect.stringContaining(`Cannot accept field "${field}"`),
        details: { problems: [{ field, problem: expect.stringMatching(reason) }] },
      });
    });
  });
});
