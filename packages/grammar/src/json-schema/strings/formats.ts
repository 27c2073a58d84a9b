// Defines formats by regular expressions. An expression may match only a part of what the standard allows, but every text that it matches is
// valid; comments name the omissions. If a standard limits the length, so does the expression.

const clock = { hour: "(?:[01]\\d|2[0-3])", minute: "[0-5]\\d" };
const offset = `(?:Z|[+-]${clock.hour}:${clock.minute})`;
/** Time by RFC 3339. A leap second is at 23:59:60 UTC; the times of a leap second with other offsets are left out. */
const time = `(?:${clock.hour}:${clock.minute}:${clock.minute}(?:\\.\\d{1,9})?${offset}|23:59:60(?:\\.\\d{1,9})?(?:Z|[+-]00:00))`;

const days31 = "(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])";
const days30 = "(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)";
const days28 = "02-(?:0[1-9]|1\\d|2[0-8])";
const leapYear = "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const date = `(?:\\d{4}-(?:${days31}|${days30}|${days28})|${leapYear}-02-29)`;

const byte = "(?:0|1\\d{0,2}|2(?:[0-4]\\d?|5[0-5]?|[6-9])?|[3-9]\\d?)";
const ipv4 = `${byte}(?:\\.${byte}){3}`;
const group = "[\\da-fA-F]{1,4}";
/** RFC 4291: after k groups and the gap `::`, up to 7 - k groups follow; an IPv4 address may replace the last two groups. */
const gaps = [1, 2, 3, 4, 5, 6].map((before) => `(?:${group}:){${before}}(?::${group}){1,${7 - before}}`);
const mixedGaps = [1, 2, 3, 4, 5].map((before) => `(?:${group}:){${before}}:(?:${group}:){0,${5 - before}}${ipv4}`);
const mixed = [`(?:${group}:){6}${ipv4}`, `::(?:${group}:){0,5}${ipv4}`, ...mixedGaps].join("|");
const ipv6 = `(?:(?:${group}:){7}${group}|(?:${group}:){1,7}:|${gaps.join("|")}|:(?:(?::${group}){1,7}|:)|${mixed})`;

/** Label by RFC 1123: at most 63 letters, digits and inner hyphens. */
const label = "[A-Za-z\\d](?:[A-Za-z\\d-]{0,61}[A-Za-z\\d])?";
const shortLabel = "[A-Za-z\\d](?:[A-Za-z\\d-]{0,28}[A-Za-z\\d])?";
/** Host names have at most 253 characters, so names with many labels have only short labels. */
const hostname = `(?:${label}(?:\\.${label}){0,2}(?:\\.${shortLabel}){0,2}|${label}(?:\\.${shortLabel}){0,6})`;
/** RFC 5321, without quoted strings and address literals: 64 characters before the at sign, 189 after it. */
const atom = "[\\w!#$%&'*+/=?^`{|}~-]";
const mailbox = [0, 1, 2, 3].map(
  (dots) =>
    `${atom}{1,${Math.floor((64 - dots) / (dots + 1))}}(?:\\.${atom}{1,${Math.floor((64 - dots) / (dots + 1))}}){${dots}}`,
);
const domain = `(?:${label}(?:\\.${shortLabel}){1,4}|${label}\\.${label}(?:\\.${shortLabel})?)`;

const number = "\\d{1,4}";
const durationDate = `(?:${number}Y(?:${number}M(?:${number}D)?)?|${number}M(?:${number}D)?|${number}D)`;
const durationTime = `T(?:${number}H(?:${number}M(?:${number}S)?)?|${number}M(?:${number}S)?|${number}S)`;

/** RFC 3986 and 3987, without IP literals in brackets. A path may have empty segments, so all sequences of characters and slashes are paths. */
function references(more: string): { readonly uri: string; readonly reference: string } {
  const plain = `A-Za-z\\d\\-._~!$&'()*+,;=${more}`;
  const coded = "%[\\dA-Fa-f]{2}";
  const run = (others: string): string => `(?:[${plain}${others}]|${coded})`;
  const authority = `(?:${run(":")}*@)?${run("")}*(?::\\d{0,5})?`;
  const rest = `${run(":@/")}*`;
  const tail = `(?:\\?${run(":@/?")}*)?(?:#${run(":@/?")}*)?`;
  const hierarchy = `(?:\\/\\/${authority}(?:\\/${rest})?|\\/(?:${run(":@")}${rest})?|${run(":@")}${rest})`;
  const relative = `(?:\\/\\/${authority}(?:\\/${rest})?|\\/(?:${run(":@")}${rest})?|${run("@")}+(?:\\/${rest})?)?`;
  const uri = `[A-Za-z][A-Za-z\\d+.-]{0,30}:${hierarchy}${tail}`;
  return { uri, reference: `(?:${uri}|${relative}${tail})` };
}

const ascii = references("");
const international = references("\\u00A0-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFEF");

/** URIs of at most `max` characters, without percent-encoding and user names; each part gets a share of the length. */
function shortUri(max: number): string {
  const scheme = 10;
  const port = 6;
  const marks = "://".length + "/?#".length;
  const spare = Math.max(0, Math.min(max, 4_096) - scheme - port - marks);
  const [host, path, query] = [0.3, 0.35, 0.25].map((share) => Math.floor(spare * share));
  const char = "[A-Za-z\\d\\-._~!$&'()*+,;=:@/]";
  const tail = `(?:\\/${char}{0,${path}})?(?:\\?${char}{0,${query}})?(?:#${char}{0,${Math.floor(spare * 0.1)}})?`;
  return `^[A-Za-z][A-Za-z\\d+.-]{0,9}:\\/\\/[A-Za-z\\d\\-._~]{1,${host}}(?::\\d{1,5})?${tail}$`;
}

const leastUri = 40;

/** An expression for the texts of the format with at most `max` characters; undefined if there is no simple expression. */
export function shortFormat(format: string, max: number): string | undefined {
  const isUri = ["uri", "iri", "uri-reference", "iri-reference"].includes(format);
  return isUri && max >= leastUri && max !== Infinity ? shortUri(max) : undefined;
}

const pointer = "(?:\\/(?:[^~\\/]|~[01])*)*";
const variable = "(?:\\w|%[\\dA-Fa-f]{2})+(?::[1-9]\\d{0,3}|\\*)?";
const template = `(?:[^\\u0000- "'<>%\\\\^\`{|}\\u007F-\\u009F]|%[\\dA-Fa-f]{2}|\\{[+#./;?&=,!@|]?${variable}(?:,${variable})*\\})*`;

/** Format `regex`: ECMAScript with the u flag, with groups up to two deep, without lookarounds and backreferences. */
const escape = "\\\\(?:[dDwWsSfnrtv^$\\\\.*+?()[\\]{}|\\/]|x[\\dA-Fa-f]{2}|u[\\dA-CE-Fa-ce-f][\\dA-Fa-f]{3})";
const member = "(?:[^\\\\\\]\\-^]|\\\\[dDwWsSfnrtv^$\\\\.*+?()[\\]{}|\\/\\-])";
const literal = "[^\\\\^$.*+?()[\\]{}|\\/\\n\\r\\u2028\\u2029]";
const one = `(?:${literal}|\\.|\\/|${escape}|\\[\\^?(?:${member}|[A-Z]-Z|[a-z]-z|[0-9]-9)+\\])`;
const counts = [...Array.from({ length: 9 }, (_, low) => `${low},[${Math.max(1, low)}-9]`), "\\d,[1-9]\\d{1,2}"];
const quantifier = `(?:[*+?]|\\{(?:[1-9]\\d{0,2},?|${counts.join("|")})\\})\\??`;
const anchored = (inner: string): string => `\\^?(?:${inner}(?:${quantifier})?)*\\$?`;
const grouped = (inner: string): string => `(?:${one}|\\((?:\\?:)?${anchored(inner)}(?:\\|${anchored(inner)})*\\))`;
const regex = `${anchored(grouped(grouped(one)))}(?:\\|${anchored(grouped(grouped(one)))})*`;

/** Expressions by format name. A format that is missing here is an annotation without effect, which is JSON Schema's default. */
export const formatPatterns: ReadonlyMap<string, string> = new Map(
  Object.entries({
    date,
    time,
    "date-time": `${date}T${time}`,
    duration: `P(?:${durationDate}(?:${durationTime})?|${durationTime}|${number}W)`,
    uuid: "[\\da-fA-F]{8}-(?:[\\da-fA-F]{4}-){3}[\\da-fA-F]{12}",
    email: `(?:${mailbox.join("|")})@${domain}`,
    "idn-email": `(?:${mailbox.join("|")})@${domain}`,
    hostname,
    "idn-hostname": hostname,
    ipv4,
    ipv6,
    uri: ascii.uri,
    "uri-reference": ascii.reference,
    iri: international.uri,
    "iri-reference": international.reference,
    "uri-template": template,
    "json-pointer": pointer,
    "relative-json-pointer": `(?:0|[1-9]\\d{0,5})(?:#|${pointer})`,
    regex,
  }).map(([name, pattern]) => [name, `^(?:${pattern})$`]),
);
