// Owns what the messages of all dialects contain: a text or parts, and the calls of earlier answers. Only the front reads parts: what it refuses depends
// on their place in the conversation. So the schemas name the parts with a text or a picture, and accept any other.
import { z } from "zod";
import { requestLimits } from "./limits.ts";
import { jsonAtMost } from "./tools.ts";
import { DetailSchema, PictureSourceSchema } from "./pictures.ts";

/** Parts of one message, of one result or of one reasoning item. */
const mostParts = 1_024;

const OtherPartSchema = z
  .unknown()
  .describe("Any other part. Text in it is read. Data become a note; in the user's last message, they are rejected.");

type ContentSchema = z.ZodOptional<z.ZodType<unknown>>;

/** A text, parts, or one part. */
export function contentSchema(...parts: readonly z.ZodType[]): ContentSchema {
  const list = z.array(z.union([...parts, OtherPartSchema])).max(mostParts, "has too many parts");
  return (z.union([z.string(), list, ...parts, z.looseObject({})]) as z.ZodType<unknown>).nullish();
}

/** What came of a call. */
export function resultOf(...parts: readonly z.ZodType[]): ContentSchema {
  return (z.union([contentSchema(...parts), z.number(), z.boolean()]) as z.ZodType<unknown>).optional();
}

export const TextPartSchema = z.object({ type: z.literal("text"), text: z.string() });

/** Some clients send the URL without the object around it. */
export const ImagePartSchema = z.object({
  type: z.literal("image_url"),
  image_url: z.union([PictureSourceSchema, z.object({ url: PictureSourceSchema, detail: DetailSchema })]),
});

/** The id of a call. Only the template reads it, and some clients put other data into it. */
export const CallIdSchema = z.union([z.string(), z.number().transform(String)]).nullish();

const NameSchema = z.string().max(requestLimits.calledNameChars);
export const ArgumentsSchema = z
  .unknown()
  .refine(...jsonAtMost(requestLimits.argumentsChars))
  .describe("JSON as text. Other texts and values are read too.");

const [name, args] = [NameSchema.nullish(), ArgumentsSchema.optional()];
const calledShape = { name, arguments: args, args, input: args };
const CalledSchema = z.object(calledShape).nullish();

/** A call of an earlier answer. Some clients send it without the object around its name and arguments. */
export const PastCallSchema = z.object({
  id: CallIdSchema,
  type: z.string().nullish(),
  function: CalledSchema,
  custom: CalledSchema,
  ...calledShape,
});
export type PastCall = z.infer<typeof PastCallSchema>;
