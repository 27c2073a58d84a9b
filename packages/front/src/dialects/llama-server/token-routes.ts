// Owns llama-server's routes about tokens and templates. Each request is one query to the model, without a job.
import { ApplyTemplateRequestSchema, DetokenizeRequestSchema, TokenizeRequestSchema } from "@waggle/protocol";
import { readBody } from "../../body/body.ts";
import { leavingOf } from "../../server/connection.ts";
import type { AppOptions } from "../../server/context.ts";
import { promptOf } from "../../conversation/conversation.ts";
import { readMessages } from "../../conversation/messages.ts";
import type { Handler } from "../../generation/dialect.ts";
import { pictureReader } from "../../pictures/picture-reader.ts";

/** Approximate characters per token in the JSON of an answer. */
const charsOfId = 6;
const charsOfPiece = 32;

export function createTokenRoutes({
  models,
}: AppOptions): Record<"tokenize" | "detokenize" | "applyTemplate", Handler> {
  return {
    async tokenize(c) {
      const body = await readBody(c, TokenizeRequestSchema);
      const { content: text, add_special: addSpecial, parse_special: parseSpecial } = body;
      const withPieces = body.with_pieces ?? false;
      const flags = { addSpecial: addSpecial ?? false, parseSpecial: parseSpecial ?? true, withPieces };
      const question = { kind: "tokenize", text, ...flags } as const;
      const { tokens, pieces = [] } = await models
        .find(body.model)
        .query<"tokenize">(question, leavingOf(c), c.get("client"));
      await c.get("pace")((withPieces ? charsOfPiece : charsOfId) * tokens.length);
      if (!withPieces) return c.json({ tokens });
      const known = new Map<string, Piece>();
      const piece = (base64: string): Piece => {
        const found = known.get(base64) ?? pieceOf(base64);
        known.set(base64, found);
        return found;
      };
      return c.json({ tokens: tokens.map((id, i) => ({ id, piece: piece(pieces[i] ?? "") })) });
    },
    async detokenize(c) {
      const { model, tokens } = await readBody(c, DetokenizeRequestSchema);
      const { text } = await models
        .find(model)
        .query<"detokenize">({ kind: "detokenize", tokens }, leavingOf(c), c.get("client"));
      await c.get("pace")(text.length);
      return c.json({ content: text });
    },
    async applyTemplate(c) {
      const { model, messages, tools, ...options } = await readBody(c, ApplyTemplateRequestSchema);
      const served = models.find(model);
      const context = { chatFormat: served.chatFormat, readPictures: pictureReader(c, served) };
      const wanted = await promptOf({ messages: readMessages(messages), options }, tools ?? undefined, context);
      const { prompt } = await served.query<"render">(
        { ...wanted.prompt, kind: "render" },
        leavingOf(c),
        c.get("client"),
      );
      return c.json({ prompt });
    },
  };
}

/** Text; bytes if the token is only a part of a character, as in llama-server. */
type Piece = string | number[];

function pieceOf(base64: string): Piece {
  const bytes = Buffer.from(base64, "base64");
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : [...bytes];
}
