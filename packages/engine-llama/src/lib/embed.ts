// Owns embeddings: a context of their own, made when the first text asks for one, so that who never embeds pays nothing.
import type { Backend, Token } from "@waggle/engine";
import type { LlamaEmbeddingContext, LlamaModel, Token as LlamaToken } from "node-llama-cpp";
import { WaggleError } from "@waggle/protocol";

export interface EmbedderOptions {
  readonly model: LlamaModel;
  /** Most tokens of a text. */
  readonly contextSize: number;
  readonly threads: number;
  readonly tokenizeText: (text: string, addSpecial: boolean, parseSpecial: boolean) => Token[];
}

export interface Embedder {
  readonly embed: Backend["embed"];
  close(): Promise<void>;
}

export function createEmbedder({ model, contextSize, threads, tokenizeText }: EmbedderOptions): Embedder {
  let context: Promise<LlamaEmbeddingContext> | undefined;

  function open(): Promise<LlamaEmbeddingContext> {
    // A text is pooled within one pass, so the batch has to hold the longest one.
    context ??= model.createEmbeddingContext({ contextSize, batchSize: contextSize, threads });
    return context;
  }

  async function embedTokens(tokens: readonly Token[]): Promise<readonly number[]> {
    try {
      const { vector } = await (await open()).getEmbeddingFor(tokens as LlamaToken[]);
      return normalise(vector);
    } catch (error) {
      const reason = (error as Error).message;
      throw new WaggleError("invalid_argument", `Cannot embed with this model: ${reason}`, { cause: error });
    }
  }

  return {
    async embed(texts) {
      const prompts = texts.map((text) => tokenizeText(text, true, false));
      for (const { length } of prompts) {
        if (length <= contextSize - 1) continue;
        throw new WaggleError(
          "invalid_argument",
          `Cannot embed a text of ${length} tokens: ${contextSize - 1} are the most in a context of ${contextSize}`,
          { details: { n_prompt_tokens: length, n_ctx: contextSize } },
        );
      }
      const embedded = [];
      for (const tokens of prompts) embedded.push({ vector: await embedTokens(tokens), tokens: tokens.length });
      return embedded;
    },

    async close() {
      await (await context?.catch(() => undefined))?.dispose();
    },
  };
}

/** To length 1, so that the product of two vectors is the cosine between them. */
function normalise(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => (length === 0 ? 0 : value / length));
}
