// Decides which topics a pattern has, and whether two patterns have a common topic.

/** Whether the pattern has the topic. */
export function matches(pattern: string, topic: string): boolean {
  return pattern === topic || (/[*>]/.test(pattern) && overlap(pattern, topic));
}

/** Whether a topic exists that both patterns have. */
export function overlap(a: string, b: string): boolean {
  const [left, right] = [a.split("."), b.split(".")];
  for (let index = 0; ; index += 1) {
    const [one, other] = [left[index], right[index]];
    if (one === undefined || other === undefined) return one === other;
    if (one === ">" || other === ">") return true;
    if (one !== other && one !== "*" && other !== "*") return false;
  }
}
