// Owns the routes that rank documents, with the requests and answers of Jina, Cohere, TEI and llama-server, and vLLM's route that scores text pairs.
import { RerankRequestSchema, ScoreRequestSchema, refuseField } from "@waggle/protocol";
import type { Ranking, RerankDocument, RerankRequest, Scores } from "@waggle/protocol";
import { readBody } from "../../body/body.ts";
import type { AppOptions } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import { rank, scoreOf, truncationOf } from "./rank.ts";

interface RankedDocument {
  readonly index: number;
  readonly text: string;
  readonly score: number;
}

/** @param version of Cohere's API, for the answer's `meta` */
export function rerankRoute(options: AppOptions, generations: Generations, version: "1" | "2"): Handler {
  return async (c) => {
    const body = await readBody(c, RerankRequestSchema);
    const served = options.models.find(body.model);
    const texts = textsOf(body);
    const bare = body.texts != null;
    // Jina and Cohere always cut long texts; TEI and vLLM cut long texts only on request.
    const truncateTo = truncationOf(body, !bare);
    const pairs = { queries: [body.query], documents: texts, truncateTo };
    const { job, logits, usage } = await rank(c, served, pairs, generations);
    const places = bestOf(texts, logits, body);
    const withText = body.return_documents === true || body.return_text === true;
    if (bare) {
      const list: Ranking = places.map(({ index, text, score }) => ({ index, score, ...(withText ? { text } : {}) }));
      return c.json(list);
    }
    const ranking: Ranking = {
      id: `rerank-${job.id}`,
      object: "list",
      model: served.name,
      results: places.map(({ index, text, score }) => ({
        index,
        relevance_score: score,
        ...(withText ? { document: { text } } : {}),
      })),
      usage,
      meta: { api_version: { version }, tokens: { input_tokens: usage.prompt_tokens } },
    };
    return c.json(ranking);
  };
}

/** @throws WaggleError invalid_argument naming the field */
function textsOf({ documents, texts, top_k: topK, max_tokens_per_doc: perDocument }: RerankRequest): readonly string[] {
  if (topK != null) throw refuseField("top_k", "the number of results is top_n");
  if (perDocument != null) throw refuseField("max_tokens_per_doc", "documents are cut at the model's maximum length");
  if (documents != null && texts != null) throw refuseField("texts", "there are documents already");
  if (texts != null) return texts;
  if (documents != null) return documents.map(documentText);
  throw refuseField("documents", "it is required");
}

function documentText(document: RerankDocument): string {
  return typeof document === "string" ? document : document.text;
}

/** Sorted by logits, since rounding may give different large logits the same score. */
function bestOf(
  texts: readonly string[],
  logits: readonly number[],
  { top_n: count, raw_scores: raw }: Pick<RerankRequest, "top_n" | "raw_scores">,
): readonly RankedDocument[] {
  const places = logits.map((logit, index) => ({ index, text: texts[index] ?? "", logit }));
  const sorted = places.toSorted((a, b) => b.logit - a.logit);
  const most = count == null || count === 0 ? sorted.length : count;
  return sorted.slice(0, most).map(({ index, text, logit }) => ({
    index,
    text,
    score: raw === true ? logit : scoreOf(logit),
  }));
}

/** Scores one text with many, or pair by pair. */
export function scoreRoute(options: AppOptions, generations: Generations): Handler {
  return async (c) => {
    const body = await readBody(c, ScoreRequestSchema);
    const served = options.models.find(body.model);
    const [queries, documents] = [asTexts(body.text_1), asTexts(body.text_2)];
    if (queries.length > 1 && queries.length !== documents.length) {
      throw refuseField("text_1", `it has ${queries.length} texts, which is neither one nor as many as text_2 has`);
    }
    const pairs = { queries, documents, truncateTo: truncationOf(body, false) };
    const { job, logits, usage } = await rank(c, served, pairs, generations);
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

function asTexts(texts: string | readonly string[]): readonly string[] {
  return typeof texts === "string" ? [texts] : texts;
}
