// Owns the table of what each user of packaging/nats/fleet.conf may do, attempt by attempt.

export type Role = "worker" | "gateway" | "hive";

interface Right {
  readonly what: string;
  readonly topic: string;
  readonly how: "send" | "receive";
  readonly may: readonly Role[];
}

const api = "$JS.API";
const stores = ["WAGGLE_JOBS", "WAGGLE_EVENTS", "WAGGLE_PICTURES", "KV_waggle_members", "KV_waggle_sessions"];
const none: readonly Role[] = [];
const both: readonly Role[] = ["worker", "gateway"];
const worker: readonly Role[] = ["worker"];
const gateway: readonly Role[] = ["gateway"];

function sending(may: readonly Role[], topics: Readonly<Record<string, string>>): readonly Right[] {
  return Object.entries(topics).map(([what, topic]) => ({ what, topic, how: "send", may }));
}

function receiving(may: readonly Role[], topics: Readonly<Record<string, string>>): readonly Right[] {
  return Object.entries(topics).map(([what, topic]) => ({ what, topic, how: "receive", may }));
}

/** What a member may do to others, because NATS's permissions cannot be narrower. docs/fleet.md lists the same. */
const remains: readonly Right[] = [
  ...sending(worker, {
    "write records into any job": "waggle.events.gateway.job",
    "read any record by its number": `${api}.STREAM.MSG.GET.WAGGLE_EVENTS`,
    "read any picture by its number": `${api}.STREAM.MSG.GET.WAGGLE_PICTURES`,
    "open or change any queue": `${api}.CONSUMER.CREATE.WAGGLE_JOBS.jobs-x-normal.waggle.jobs.x.normal.*`,
    "write another worker's heartbeat": "$KV.waggle_members.worker.other",
    "end another worker's beats": "waggle.beats.worker.other",
  }),
  ...receiving(worker, {
    "read questions to any model": "waggle.ask.*",
    "read questions to other workers": "waggle.worker.*",
  }),
  ...sending(both, {
    "take the jobs of any model": `${api}.CONSUMER.MSG.NEXT.WAGGLE_JOBS.jobs-x-normal`,
    "acknowledge any job": "$JS.ACK.WAGGLE_JOBS.jobs-x-normal.1.1.1.1.0",
    "put a job into the common queue": "waggle.jobs.x.normal.job",
    "read the records of all jobs": `${api}.CONSUMER.CREATE.WAGGLE_EVENTS.name.waggle.events.*.*`,
    "read a job's record by client and id": `${api}.DIRECT.GET.KV_waggle_jobs.$KV.waggle_jobs.client.job`,
  }),
  ...sending(gateway, {
    "read the queue without taking jobs": `${api}.STREAM.MSG.GET.WAGGLE_JOBS`,
    "put a job into one worker's queue": "waggle.jobs.x.at.worker.job",
    "remove a queue": `${api}.CONSUMER.DELETE.WAGGLE_JOBS.jobs-x-normal`,
    "delete all records": `${api}.STREAM.PURGE.WAGGLE_EVENTS`,
    "delete all pictures": `${api}.STREAM.PURGE.WAGGLE_PICTURES`,
    "list the job records of all clients": `${api}.CONSUMER.CREATE.KV_waggle_jobs.name.$KV.waggle_jobs.>`,
    "replace a job's record": "$KV.waggle_jobs.client.job",
    "claim any session": "$KV.waggle_sessions.client.session",
    "cancel any job": "waggle.cancels.job",
    "create a lost stream with other limits": `${api}.STREAM.CREATE.WAGGLE_JOBS`,
  }),
];

const ownWork: readonly Right[] = [
  ...sending(["worker", "gateway", "hive"], {
    "read the members": `${api}.CONSUMER.CREATE.KV_waggle_members.name.$KV.waggle_members.>`,
    "ask for the state of the members' bucket": `${api}.STREAM.INFO.KV_waggle_members`,
  }),
  ...sending(both, {
    "send hints": "waggle.hints.x",
    "ask for the state of the queue": `${api}.STREAM.INFO.WAGGLE_JOBS`,
    "create the lost bucket of cancels": `${api}.STREAM.CREATE.KV_waggle_cancels`,
  }),
  ...sending(gateway, {
    "write a gateway's heartbeat": "$KV.waggle_members.gateway.id",
    "store a cancel": "$KV.waggle_cancels.job",
    "store a piece of a picture": "waggle.pictures.key.hash.0",
    "ask workers": "waggle.ask.x",
    "read a session": `${api}.DIRECT.GET.KV_waggle_sessions.$KV.waggle_sessions.client.session`,
  }),
  ...sending(worker, {
    "look for a cancel": `${api}.DIRECT.GET.KV_waggle_cancels.$KV.waggle_cancels.job`,
    "read a piece of a picture": `${api}.DIRECT.GET.WAGGLE_PICTURES.waggle.pictures.key.hash.0`,
  }),
  ...receiving(gateway, { "get questions for gateways": "waggle.gateway.*", "get all beats": "waggle.beats.>" }),
  ...receiving(both, { "get cancels": "waggle.cancels.*", "get gateways' beats": "waggle.beats.gateway.*" }),
  ...(["worker", "gateway", "hive"] as const).flatMap((role) =>
    receiving([role], { [`get the answers of NATS to a ${role}`]: `_INBOX.${role}.>` }),
  ),
];

const denied: readonly Right[] = [
  ...stores.flatMap((store) =>
    sending(none, {
      [`delete ${store}`]: `${api}.STREAM.DELETE.${store}`,
      [`change ${store}`]: `${api}.STREAM.UPDATE.${store}`,
      [`delete a message of ${store}`]: `${api}.STREAM.MSG.DELETE.${store}`,
      [`copy ${store}`]: `${api}.STREAM.SNAPSHOT.${store}`,
      [`read ${store} by a consumer without a topic`]: `${api}.CONSUMER.CREATE.${store}`,
      [`read ${store} by a durable consumer`]: `${api}.CONSUMER.DURABLE.CREATE.${store}.name`,
    }),
  ),
  ...sending(none, {
    "delete all jobs": `${api}.STREAM.PURGE.WAGGLE_JOBS`,
    "delete all job records": `${api}.STREAM.PURGE.KV_waggle_jobs`,
    "list the sessions": `${api}.CONSUMER.CREATE.KV_waggle_sessions.name.$KV.waggle_sessions.>`,
    "read job records by their number": `${api}.DIRECT.GET.KV_waggle_jobs`,
    "read job records by their number, from the leader": `${api}.STREAM.MSG.GET.KV_waggle_jobs`,
    "create another stream": `${api}.STREAM.CREATE.ANOTHER`,
    "list the streams": `${api}.STREAM.LIST`,
    "answer without a question": "_INBOX.gateway.other",
    "ask NATS's services": "$SRV.INFO",
  }),
  ...receiving(none, {
    "get jobs before they are stored": "waggle.jobs.>",
    "get records before they are stored": "waggle.events.>",
    "get job records before they are stored": "$KV.waggle_jobs.>",
    "get all answers": "_INBOX.>",
    "get everything": ">",
  }),
];

/** Every attempt, with the users that may do it. */
export const rights: readonly Right[] = [...remains, ...ownWork, ...denied];
