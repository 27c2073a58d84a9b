// Owns the fields of requests that contain pictures. The front takes the pictures out of a body while the body arrives, so it has to know these fields
// before a schema has validated the body.
import { z } from "zod";

const detailChars = 32;

/** The value of a field with a picture, as a client sends it. Before a body is validated, the hash of the picture replaces its bytes: `pictureSource`. */
export const PictureSourceSchema = z.string().meta({
  id: "PictureSource",
  description:
    "A PNG, JPEG, WebP or GIF file (its first frame): as a data: URL with base64, as base64 alone, or as the URL of a host that --allow-media-from names.",
});

/** OpenAI's `detail` has no effect: a picture has the size that the model's projector gives it. */
export const DetailSchema = z.string().max(detailChars).nullish().describe("Ignored.");

const hashPrefix = "sha256:";

/** The value that replaces a picture in its field. */
export function pictureSource(sha256: string): string {
  return hashPrefix + sha256;
}

/** The SHA-256 in a value from `pictureSource`; undefined for other values. */
export function pictureHash(source: string): string | undefined {
  return /^sha256:([0-9a-f]{64})$/.exec(source)?.[1];
}

/** A place in a request's JSON: whether a picture is here, and the places of pictures inside. */
export interface PicturePlace {
  readonly isPicture: boolean;
  /** The places inside an object, by name; those inside an array are at `elements`. */
  readonly members: ReadonlyMap<string, PicturePlace>;
  readonly elements: PicturePlace | undefined;
}

type Schema = z.core.$ZodTypes;

const known = new WeakMap<z.ZodType, { readonly place: PicturePlace | undefined }>();

/** The places of pictures in a request with this schema; undefined if the request has no pictures. */
export function picturePlaces(schema: z.ZodType): PicturePlace | undefined {
  const found = known.get(schema) ?? { place: placeIn(schema as unknown as Schema) };
  known.set(schema, found);
  return found.place;
}

const picture: PicturePlace = { isPicture: true, members: new Map(), elements: undefined };

function placeIn(schema: Schema): PicturePlace | undefined {
  if ((schema as unknown) === PictureSourceSchema) return picture;
  const { def } = schema._zod;
  switch (def.type) {
    case "array": {
      const elements = placeIn(def.element as Schema);
      return elements === undefined ? undefined : { isPicture: false, members: new Map(), elements };
    }
    case "object": {
      const members = Object.entries(def.shape as Record<string, Schema>).flatMap(([name, member]) => {
        const place = placeIn(member);
        return place === undefined ? [] : [[name, place] as const];
      });
      return members.length === 0 ? undefined : { isPicture: false, members: new Map(members), elements: undefined };
    }
    case "union":
      return (def.options as readonly Schema[]).map(placeIn).reduce(merged, undefined);
    default:
      if ("innerType" in def) return placeIn(def.innerType as Schema);
      return "in" in def ? merged(placeIn(def.in as Schema), placeIn(def.out as Schema)) : undefined;
  }
}

function merged(one: PicturePlace | undefined, other: PicturePlace | undefined): PicturePlace | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const names = new Set([...one.members.keys(), ...other.members.keys()]);
  const members = [...names].flatMap((name) => {
    const place = merged(one.members.get(name), other.members.get(name));
    return place === undefined ? [] : [[name, place] as const];
  });
  return {
    isPicture: one.isPicture || other.isPicture,
    members: new Map(members),
    elements: merged(one.elements, other.elements),
  };
}
