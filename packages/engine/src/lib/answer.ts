// Owns the answers to questions about the model that are no jobs: what text is in tokens, what a conversation looks like, what it means.
import type { Backend } from "./backend.ts";
import type { EngineAnswer, EngineQuestion } from "./messages.ts";
import { failureOf } from "./prepare.ts";

type Answering = Pick<Backend, "tokenizeText" | "tokenBytes" | "renderMessages">;

/** Never rejects: what goes wrong is an answer too. */
export async function answer(backend: Answering, question: EngineQuestion): Promise<EngineAnswer> {
  try {
    return await find(backend, question);
  } catch (thrown) {
    return { kind: "failed", failure: failureOf(thrown) };
  }
}

async function find(backend: Answering, question: EngineQuestion): Promise<EngineAnswer> {
  switch (question.kind) {
    case "tokenize": {
      const tokens = backend.tokenizeText(question.text, question.addSpecial, question.parseSpecial);
      return { kind: "tokenize", tokens, pieces: tokens.map((token) => toBase64(backend.tokenBytes(token))) };
    }
    case "detokenize": {
      // Streaming, so that a character whose bytes are spread over tokens comes out whole.
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      const text = question.tokens.map((token) => decoder.decode(backend.tokenBytes(token), { stream: true })).join("");
      return { kind: "detokenize", text: text + decoder.decode() };
    }
    case "render": {
      const { messages, tools } = question;
      const input = { kind: "messages" as const, messages, ...(tools === undefined ? {} : { tools }) };
      return { kind: "render", prompt: backend.renderMessages(input) };
    }
  }
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
