// Owns the route that scores text pairs, as in vLLM: one text with many, or pair by pair.
import { ScoreRequestSchema } from "@waggle/protocol";
import type { Scores } from "@waggle/protocol";
import { readBody } from "../../body/body.ts";
import type { AppOptions } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";
import { unsupported } from "../../body/fields.ts";
import type { Generations } from "../../generation/generations.ts";
import { rank, scoreOf, truncationOf } from "./rank.ts";

export function scoreRoute(options: AppOptions, generations: Generations): Handler {
  return async (c) => {
    const body = await readBody(c, ScoreRequestSchema, options.limits.maxBodyBytes);
    const served = options.models.find(body.model);
    const [queries, documents] = [listOf(body.text_1), listOf(body.text_2)];
    if (queries.length > 1 && queries.length !== documents.length) {
      throw unsupported("text_1", `it has ${queries.length} texts, which is neither one nor as many as text_2 has`);
    }
    const pairs = { queries, documents, truncateTo: truncationOf(body, false) };
    const { job, logits, usage } = await rank(c, served, pairs, options, generations);
    const scores: Scores = {
      id: `score-${job.id}`,
      object: "list",
      created: Math.floor(Date.now() / 1000),
      model: served.name,
      data: logits.map((logit, index) => ({ index, object: "score", score: scoreOf(logit) })),
      usage,
    };
    return c.json(scores);
  };
}

function listOf(texts: string | readonly string[]): readonly string[] {
  return typeof texts === "string" ? [texts] : texts;
}
