// Owns the pictures of a message: small, and large after a click.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { IconButton } from "../../parts/icons.tsx";
import type { PictureAttachment } from "../attachments/attachment.ts";
import { attachmentWords } from "../attachments/attachment-words.ts";
import { PictureImage } from "./picture-image.tsx";
import "./pictures.css";

export interface SentPicturesProps {
  readonly pictures: readonly PictureAttachment[];
  /** Undefined while the message is not being edited. */
  readonly onRemove: ((id: string) => void) | undefined;
}

export function SentPictures({ pictures, onRemove }: SentPicturesProps): VNode {
  const large = useSignal<PictureAttachment | undefined>(undefined);
  return (
    <>
      <ul class="sent-pictures" aria-label="Pictures">
        {pictures.map((picture) => (
          <li key={picture.id}>
            <button
              type="button"
              class="picture-button"
              aria-label={`Show ${picture.name} large`}
              title={picture.name}
              onClick={() => (large.value = picture)}
            >
              <PictureImage picture={picture} alt="" />
            </button>
            {onRemove !== undefined && (
              <IconButton icon="close" label={`Remove ${picture.name}`} kind="" onClick={() => onRemove(picture.id)} />
            )}
          </li>
        ))}
      </ul>
      {large.value !== undefined && <PictureDialog picture={large.value} onClose={() => (large.value = undefined)} />}
    </>
  );
}

interface PictureDialogProps {
  readonly picture: PictureAttachment;
  readonly onClose: () => void;
}

function PictureDialog({ picture, onClose }: PictureDialogProps): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      class="dialog picture-dialog"
      ref={dialog}
      aria-label={picture.name}
      onClose={onClose}
      onClick={({ target, currentTarget }) => {
        // The dialog's content covers the dialog, so a click on the dialog itself is a click outside of it.
        if (target === currentTarget) currentTarget.close();
      }}
    >
      <figure>
        <figcaption class="spread small">
          <span class="anywhere">
            <span class="strong">{picture.name}</span> <span class="muted numbers">{attachmentWords(picture)}</span>
          </span>
          <IconButton icon="close" label="Close" kind="quiet" onClick={() => dialog.current?.close()} />
        </figcaption>
        <PictureImage picture={picture} alt={picture.name} />
      </figure>
    </dialog>
  );
}
