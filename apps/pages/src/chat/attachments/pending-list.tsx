// Owns the list of files attached to an unsent message, with each file's size, tokens and a button to remove it.
import type { VNode } from "preact";
import { Button, Icon, IconButton } from "../../parts/icons.tsx";
import { PictureImage } from "../pictures/picture-image.tsx";
import "../pictures/pictures.css";
import { attachmentWords } from "./attachment-words.ts";
import "./attachments.css";
import type { PendingFile, PendingFiles } from "./pending-files.ts";

export function PendingList({ pending }: { readonly pending: PendingFiles }): VNode {
  const { files, refusals } = pending;
  return (
    <>
      {files.value.length > 0 && (
        <ul class="files" aria-label="Attached files">
          {files.value.map((file) => (
            <Chip key={file.id} file={file} onRemove={pending.remove} />
          ))}
        </ul>
      )}
      {refusals.value.length > 0 && (
        <div class="notice bad spread file-refusals" role="alert">
          <ul>
            {refusals.value.map((sentence) => (
              <li key={sentence} class="anywhere">
                {sentence}
              </li>
            ))}
          </ul>
          <Button label="Dismiss" onClick={pending.dismissRefusals} />
        </div>
      )}
    </>
  );
}

interface ChipProps {
  readonly file: PendingFile;
  readonly onRemove: (id: string) => void;
}

function Chip({ file: { id, name, attachment }, onRemove }: ChipProps): VNode {
  const picture = attachment?.picture;
  return (
    <li class={picture === undefined ? "file" : "file picture"}>
      {picture === undefined ? (
        <Icon name="file" />
      ) : (
        <span class="picture-thumb">
          <PictureImage picture={{ id, picture }} alt="" />
        </span>
      )}
      <span class={picture === undefined ? "file-words" : "file-words picture-words"}>
        <span class="file-name cut" title={name}>
          {name}
        </span>
        <span class="tiny muted numbers" role="status">
          {attachment === undefined ? "Reading…" : attachmentWords(attachment)}
        </span>
      </span>
      <IconButton
        icon="close"
        label={`Remove ${name}`}
        onClick={() => {
          onRemove(id);
          document.getElementById("message")?.focus();
        }}
      />
    </li>
  );
}
