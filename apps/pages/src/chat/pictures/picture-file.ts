// Owns pictures in exported files: each picture's file is in its message, as base64.
import type { Attachment, PictureAttachment } from "../attachments/attachment.ts";
import type { Conversation } from "../conversation/conversation.ts";
import { base64Of, decodeBase64 } from "./base64.ts";
import { pictureKeys, picturesOf, type OwnedPicture, type PictureKey } from "./held-pictures.ts";
import { pictureTypeOf, type PictureFacts } from "./picture.ts";

/** A picture in an exported file. */
export interface FiledPicture extends PictureFacts {
  /** The picture's file as base64; absent if the browser had not kept it. */
  readonly data?: string;
}

/** Puts the files of pictures into their messages. */
export async function packPictures(
  conversation: Conversation,
  find: (key: PictureKey) => Promise<Blob | undefined>,
): Promise<Conversation> {
  const data = new Map<string, string>();
  for (const key of pictureKeys(conversation.id, conversation.turns)) {
    const file = await find(key);
    if (file !== undefined) data.set(key.id, await base64Of(file));
  }
  return mapPictures(conversation, (attachment) => {
    const found = data.get(attachment.id);
    const picture: FiledPicture = { ...attachment.picture, ...(found === undefined ? {} : { data: found }) };
    return { ...attachment, picture };
  });
}

export interface Unpacked {
  readonly conversation: Conversation;
  readonly pictures: readonly OwnedPicture[];
}

/** Takes the files of pictures out of their messages. Leaves out files that are not pictures. */
export function unpackPictures(conversation: Conversation): Unpacked {
  const pictures: OwnedPicture[] = [];
  const unpacked = mapPictures(conversation, (attachment) => {
    const { data = "", ...picture }: FiledPicture = attachment.picture;
    const file = pictureFromBase64(data);
    if (file !== undefined) pictures.push({ owner: conversation.id, id: attachment.id, file });
    return { ...attachment, picture };
  });
  return { conversation: unpacked, pictures };
}

/** Bytes that the files of a conversation's pictures add to an exported file. */
export function packedBytes({ turns }: Pick<Conversation, "turns">): number {
  return picturesOf(turns).reduce((sum, { bytes }) => sum + Math.ceil(bytes / 3) * 4, 0);
}

function mapPictures(conversation: Conversation, change: (attachment: PictureAttachment) => Attachment): Conversation {
  const messages = conversation.turns.map((message) => {
    if (message.role !== "user" || message.attachments === undefined) return message;
    const attachments = message.attachments.map((attachment) =>
      attachment.picture === undefined ? attachment : change({ ...attachment, picture: attachment.picture }),
    );
    return { ...message, attachments };
  });
  return { ...conversation, turns: messages };
}

function pictureFromBase64(base64: string): Blob | undefined {
  try {
    const bytes = decodeBase64(base64);
    const type = pictureTypeOf(bytes);
    return type === undefined ? undefined : new Blob([bytes], { type });
  } catch {
    return undefined;
  }
}
