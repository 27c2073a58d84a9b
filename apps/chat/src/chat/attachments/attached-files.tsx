// Owns how files are shown that were sent with a message: a line for each, and its text on a click.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Icon } from "../../parts/icons.tsx";
import type { Attachment } from "./attachment.ts";
import { attachmentWords } from "./attachment-words.ts";
import "./attachments.css";

export function AttachedFiles({ attachments }: { readonly attachments: readonly Attachment[] }): VNode {
  return (
    <ul class="sent-files" aria-label="Attached files">
      {attachments.map((attachment) => (
        <li key={attachment.id}>
          <AttachedFile attachment={attachment} />
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
        <span class="file-name" title={name}>
          {name}
        </span>
        <span class="tiny muted numbers">{attachmentWords(attachment)}</span>
      </summary>
      {/* A book costs nothing until somebody looks into it. */}
      {open.value && (
        <figure class="code">
          <figcaption class="spread">
            <span>Text of the file, as the model gets it</span>
            <CopyButton text={text} label="Copy the file's text" />
          </figcaption>
          <pre tabIndex={0} class="file-text">
            {text}
          </pre>
        </figure>
      )}
    </details>
  );
}
