// Owns the files of pictures in this tab: keeps the newest in memory, and reads the others from the browser's storage.
import type { Message } from "../conversation/conversation.ts";
import { picturesIn, type PictureAttachment } from "../attachments/attachment.ts";
import { pictureLimits } from "./picture.ts";

/** The place of a picture's file in the storage. */
export interface PictureKey {
  /** The id of a conversation, or `draftOwner`. A conversation's pictures are removed with it. */
  readonly owner: string;
  /** The id of the attachment. */
  readonly id: string;
}

export interface OwnedPicture extends PictureKey {
  readonly file: Blob;
}

/** Owns the pictures of all drafts. No conversation has this id. */
export const draftOwner = "(drafts)";

export interface HeldPictures {
  hold(id: string, file: Blob): void;
  /** The pictures whose files are in memory, with their files. */
  withFiles(keys: readonly PictureKey[]): readonly OwnedPicture[];
  /** Reads the file from memory or from the storage, and holds it. Undefined if this browser has not kept it. */
  find(key: PictureKey): Promise<Blob | undefined>;
}

/** @param load reads a file from the storage */
export function createHeldPictures(load: (key: PictureKey) => Promise<Blob | undefined>): HeldPictures {
  /** By id, the oldest first. */
  const files = new Map<string, Blob>();
  let bytes = 0;

  function drop(id: string): void {
    bytes -= files.get(id)?.size ?? 0;
    files.delete(id);
  }

  function hold(id: string, file: Blob): void {
    drop(id);
    files.set(id, file);
    bytes += file.size;
    for (const [oldest] of files) {
      if (bytes <= pictureLimits.heldBytes || oldest === id) return;
      drop(oldest);
    }
  }

  return {
    hold,
    withFiles: (keys) =>
      keys.flatMap((key) => {
        const file = files.get(key.id);
        return file === undefined ? [] : [{ ...key, file }];
      }),
    async find(key) {
      const held = files.get(key.id);
      if (held !== undefined) return held;
      const file = (await load(key)) ?? (await load({ ...key, owner: draftOwner }));
      if (file !== undefined) hold(key.id, file);
      return file;
    },
  };
}

export function picturesOf(messages: readonly Message[]): readonly PictureAttachment[] {
  return messages.flatMap((message) => (message.role === "user" ? picturesIn(message.attachments) : []));
}

/** The pictures of these messages. */
export function pictureKeys(owner: string, messages: readonly Message[]): readonly PictureKey[] {
  return picturesOf(messages).map(({ id }) => ({ owner, id }));
}
