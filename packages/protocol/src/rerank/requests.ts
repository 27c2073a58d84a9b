// Owns the requests that rank documents by a query or score pairs of texts. The shapes follow the API references
// of Jina (Reranker), Cohere (Rerank v1 and v2), Hugging Face's text-embeddings-inference (rerank) and vLLM (rerank, score).
import { nullish, optional, z } from "zod";
import { requestLimits } from "../fields/limits.ts";
import { flag } from "../fields/values.ts";

export const rerankLimits = {
  /** Documents, or pairs of texts, in one request. */
  documents: 2_048,
  /** Characters of all texts of a request together. */
  chars: 4_194_304,
} as const;

const text = z.string().max(rerankLimits.chars);
const documents = <T extends z.ZodType>(document: T) =>
  z
    .array(document)
    .min(1, "must not be empty")
    .max(rerankLimits.documents, `has more than ${rerankLimits.documents} texts`);

const DocumentSchema = z.union([text, z.object({ text })], "must be a text, or an object with a field text");
export type RerankDocument = z.infer<typeof DocumentSchema>;

const truncateShape = {
  truncate: flag.describe(
    "true: cut texts at the model's maximum length, the default for `documents`. false: reject texts that are too long, the default otherwise.",
  ),
  truncate_prompt_tokens: nullish(z.int().min(-1).max(requestLimits.maxTokens)).describe(
    "A field of vLLM's API: maximum number of tokens of query and document together; longer documents are cut. -1: the model's maximum length.",
  ),
};

export const RerankRequestSchema = z
  .object({
    model: nullish(z.string().max(requestLimits.modelChars)),
    query: text.min(1, "must not be empty"),
    documents: nullish(documents(DocumentSchema)).describe("The documents, as in the APIs of Jina, Cohere and vLLM."),
    texts: nullish(documents(text)).describe("TEI's name for `documents`; then the answer is a plain list."),
    top_n: nullish(z.int().min(0)).describe("Number of best documents to return. Default: 0, which means all."),
    top_k: optional(z.unknown()).describe("Rejected: use top_n."),
    return_documents: flag.describe("A field of Jina's and Cohere's APIs: return the documents too. Default: false."),
    return_text: flag.describe("A field of TEI's and llama-server's APIs: return the texts too. Default: false."),
    raw_scores: flag.describe("Whether to return logits instead of scores from 0 to 1."),
    truncation_direction: nullish(z.enum(["Right", "right"], "only the right end of a text can be cut off")),
    max_tokens_per_doc: optional(z.unknown()).describe(
      "Rejected: documents are always cut at the model's maximum length.",
    ),
    ...truncateShape,
  })
  .meta({ id: "RerankRequest" });
export type RerankRequest = z.infer<typeof RerankRequestSchema>;

const ScoreTextsSchema = z.union([text, documents(text)], `must be a text, or up to ${rerankLimits.documents} texts`);

export const ScoreRequestSchema = z
  .object({
    model: nullish(z.string().max(requestLimits.modelChars)),
    text_1: ScoreTextsSchema.describe(
      "One text, which is compared with all of text_2, or one text for each text of text_2.",
    ),
    text_2: ScoreTextsSchema,
    ...truncateShape,
  })
  .meta({ id: "ScoreRequest" });

const UsageSchema = z.object({ prompt_tokens: z.int(), total_tokens: z.int() });

/** The answer to a ranking request. The best document is first. */
export const RankingSchema = z
  .union([
    z.object({
      id: z.string(),
      object: z.literal("list"),
      model: z.string(),
      results: z.array(
        z.object({
          index: z.int().describe("Position of the document in the request, from 0."),
          relevance_score: z.number(),
          document: optional(z.object({ text: z.string() })),
        }),
      ),
      usage: UsageSchema,
      meta: z
        .object({ api_version: z.object({ version: z.string() }), tokens: z.object({ input_tokens: z.int() }) })
        .describe("A field of Cohere's API."),
    }),
    z
      .array(z.object({ index: z.int(), score: z.number(), text: optional(z.string()) }))
      .describe("The answer if the request has `texts`."),
  ])
  .meta({ id: "Ranking" });
export type Ranking = z.infer<typeof RankingSchema>;

export const ScoresSchema = z
  .object({
    id: z.string(),
    object: z.literal("list"),
    created: z.int().describe("Creation time, in seconds since 1970."),
    model: z.string(),
    data: z.array(z.object({ index: z.int(), object: z.literal("score"), score: z.number() })),
    usage: UsageSchema,
  })
  .meta({ id: "Scores" });
export type Scores = z.infer<typeof ScoresSchema>;
