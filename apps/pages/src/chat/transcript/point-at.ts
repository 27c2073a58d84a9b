// Owns scrolling to one message of the shown conversation and marking it.

const markedMs = 3_000;

export function pointAt(messageId: string): void {
  // Two frames later, the transcript is drawn and has scrolled to its end.
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      const message = document.querySelector<HTMLElement>(`[data-turn="${CSS.escape(messageId)}"]`);
      if (message === null) return;
      message.scrollIntoView({ block: "center" });
      message.classList.add("pointed");
      setTimeout(() => message.classList.remove("pointed"), markedMs);
    }),
  );
}
