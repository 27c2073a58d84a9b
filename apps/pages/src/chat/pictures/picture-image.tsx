// Owns how a picture's file gets from this browser into an image element. Each image has a `blob:` address, which ends with the image.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import type { PictureAttachment } from "../attachments/attachment.ts";
import { usePage } from "../page.ts";

export interface PictureImageProps {
  readonly picture: Pick<PictureAttachment, "id" | "picture">;
  /** Empty if a text or a label next to the picture names it. */
  readonly alt: string;
}

export function PictureImage({ picture: { id, picture }, alt }: PictureImageProps): VNode {
  const { conversations } = usePage();
  const address = useSignal<string | undefined>(undefined);
  const lost = useSignal(false);
  useEffect(() => {
    const drawn = new AbortController();
    lost.value = false;
    void conversations.pictures
      .find({ owner: conversations.current.peek().id, id })
      .catch(() => undefined)
      .then((file) => {
        if (drawn.signal.aborted) return;
        if (file === undefined) {
          lost.value = true;
          return;
        }
        const url = URL.createObjectURL(file);
        drawn.signal.addEventListener("abort", () => URL.revokeObjectURL(url));
        address.value = url;
      });
    return () => drawn.abort();
  }, [conversations, id]);
  if (lost.value) return <span class="picture-lost tiny muted">Not kept by this browser</span>;
  if (address.value === undefined) return <span class="picture-coming" />;
  return (
    <img
      src={address.value}
      alt={alt}
      width={picture.width}
      height={picture.height}
      decoding="async"
      onError={() => (lost.value = true)}
    />
  );
}
