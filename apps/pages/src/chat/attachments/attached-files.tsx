// Owns the list of files sent with a message: one line per file, which opens to show the file's text.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Icon, IconButton } from "../../parts/icons.tsx";
import type { Attachment } from "./attachment.ts";
import { attachmentWords } from "./attachment-words.ts";
import "../tool-calls/tools.css";
import "./attachments.css";

export interface AttachedFilesProps {
  readonly attachments: readonly Attachment[];
  /** Undefined while the message is not being edited. */
  readonly onRemove: ((id: string) => void) | undefined;
}

export function AttachedFiles({ attachments, onRemove }: AttachedFilesProps): VNode {
  return (
    <ul class="sent-files" aria-label="Attached files">
      {attachments.map((attachment) => (
        <li key={attachment.id}>
          <AttachedFile attachment={attachment} />
          {onRemove !== undefined && (
            <IconButton
              icon="close"
              label={`Remove ${attachment.name}`}
              kind="quiet"
              onClick={() => onRemove(attachment.id)}
            />
          )}
        </li>
      ))}
    </ul>
  );
}

function AttachedFile({ attachment }: { readonly attachment: Attachment }): VNode {
  const { name, text } = attachment;
  const open = useSignal(false);
  return (
    <details class="sent-file" onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>
        <Icon name="file" />
        <span class="file-name cut" title={name}>
          {name}
        </span>
        <span class="tiny muted numbers">{attachmentWords(attachment)}</span>
      </summary>
      {/* The text is drawn only when opened, because it can be as long as a book. */}
      {open.value && (
        <figure class="code">
          <figcaption class="spread">
            <span>Text of the file, as the model gets it</span>
            <CopyButton text={text} label="Copy the file's text" />
          </figcaption>
          <pre tabIndex={0} class="verbatim">
            {text}
          </pre>
        </figure>
      )}
    </details>
  );
}
