// Implements the Backend on a loaded model that embeds or ranks. It has an embedder and a tokenizer, but no generator.
import { genericFormat } from "@waggle/chat-format/format";
import { freePieces, type Backend, type BackendInfo } from "@waggle/engine";
import type { LlamaModel } from "node-llama-cpp";
import type { LlamaEmbedder } from "./embedder.ts";
import { createTokenBytes } from "../text/token-bytes.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { Vocabulary } from "../text/vocabulary.ts";

export interface ReadingBackendParts {
  readonly model: LlamaModel;
  readonly info: Omit<BackendInfo, "chatFormat">;
  readonly vocabulary: Vocabulary;
  readonly tokenizer: Tokenizer;
  readonly embedder: LlamaEmbedder;
  /** Frees everything that was loaded. Idempotent. */
  readonly release: () => Promise<void>;
}

export function createReadingBackend(parts: ReadingBackendParts): Backend {
  const { model, info, vocabulary, tokenizer, embedder, release } = parts;
  const { bos, shouldPrependBosToken } = model.tokens;

  return {
    info: { ...info, chatFormat: genericFormat },
    embedder,
    async tokenizeText(text, addSpecial, parseSpecial, { pace } = freePieces) {
      const tokens = await tokenizer.tokenize(text, parseSpecial, pace);
      const begins = addSpecial && shouldPrependBosToken && bos !== null && tokens[0] !== bos;
      return begins ? [bos, ...tokens] : tokens;
    },
    tokenBytes: createTokenBytes(vocabulary),
    setThreads(threads) {
      model.llama.maxThreads = Math.min(Math.max(1, threads), info.maxThreads);
    },
    async dispose() {
      await embedder.close();
      await release();
    },
  };
}
