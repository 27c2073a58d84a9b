// Owns the area below the list of conversations: the storage used, export and import.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { saveFile } from "../../parts/save-file.ts";
import type { Conversations } from "../storage/conversations.ts";
import type { FileKind, Library } from "../storage/library.ts";
import { storageUsed } from "../storage/storage-used.ts";

export interface SidebarFootProps {
  readonly conversations: Conversations;
  readonly library: Library;
}

export function SidebarFoot({ conversations, library }: SidebarFootProps): VNode {
  const notice = useSignal<{ readonly text: string; readonly bad: boolean } | undefined>(undefined);
  const used = useSignal<string | undefined>(undefined);
  const input = useRef<HTMLInputElement>(null);
  const count = conversations.heads.value.length;
  const updated = conversations.current.value.updatedAt;
  useEffect(() => {
    void storageUsed().then((words) => (used.value = words));
  }, [count, updated]);

  function exportAll(kind: FileKind): void {
    library.export(kind).then(saveFile, (error: unknown) => report(error));
  }

  function report(error: unknown): void {
    notice.value = { text: error instanceof Error ? error.message : String(error), bad: true };
  }

  async function take(file: File | undefined): Promise<void> {
    if (file === undefined) return;
    try {
      notice.value = { text: await library.import(file), bad: false };
    } catch (error) {
      report(error);
    }
  }

  return (
    <div class="stack tight sidebar-foot small">
      {notice.value !== undefined && (
        <p class={notice.value.bad ? "notice bad" : "notice"} role={notice.value.bad ? "alert" : "status"}>
          {notice.value.text}
        </p>
      )}
      <div class="row" role="group" aria-label="All conversations">
        <button
          type="button"
          class="button tiny"
          title="All conversations in one file, which another browser can import"
          disabled={count === 0}
          onClick={() => exportAll("json")}
        >
          Export all
        </button>
        <button
          type="button"
          class="button tiny"
          aria-label="Export all as Markdown"
          title="All conversations as one text to read"
          disabled={count === 0}
          onClick={() => exportAll("markdown")}
        >
          Markdown
        </button>
        <button type="button" class="button tiny" onClick={() => input.current?.click()}>
          Import…
        </button>
        <input
          ref={input}
          type="file"
          hidden
          accept=".json,application/json"
          aria-label="File to import"
          onChange={({ currentTarget }) => {
            void take(currentTarget.files?.[0]);
            currentTarget.value = "";
          }}
        />
      </div>
      <p class="muted">
        {`These conversations are kept in this browser only${used.value === undefined ? "" : ` (${used.value})`}.`}
      </p>
    </div>
  );
}
