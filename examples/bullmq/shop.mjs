// An order of two things: they are packed side by side, then shipped; a bill and a payment go their own ways.

import { FlowProducer, QueueEvents } from "bullmq";
import { connection, orders, printing, texts } from "./queues.mjs";

const events = new QueueEvents(orders.name, { connection });
const flows = new FlowProducer({ connection });
await events.waitUntilReady();

const bill = await orders.add("bill", { order: 1, amount: 1000 });
const payment = await orders.add("charge", { order: 1, failures: 1 });
const reminder = await orders.add("remind", { order: 1 }, { delay: 1000 });
const parcel = await flows.add({
  name: "ship", queueName: orders.name, data: { order: 1 },
  children: ["lamp", "bulb"].map((what) => ({
    name: "pack", queueName: orders.name, data: { order: what, takesMs: 200 },
  })),
});
await printing.add("page", { page: "label" }, { priority: 1 });
await texts.add("text", { to: "customer" });

console.log("bill:    ", await bill.waitUntilFinished(events));
console.log("payment: ", await payment.waitUntilFinished(events));
console.log("parcel:  ", await parcel.job.waitUntilFinished(events));
await reminder.waitUntilFinished(events);
console.log("reminder: sent after a second");
await Promise.all([events, flows, orders, printing, texts].map((part) => part.close()));
