// When each service is to be decided anew by the mere passing of time: slow starts, drains that end, windows. Most
// services have no such time, and cost nothing here.

import { DeadlineHeap } from "./deadline-heap.js";

export class ServiceDeadlines<Service> {
  private readonly heap = new DeadlineHeap();
  private readonly slots = new Map<Service, number>();
  private readonly services: Service[] = [];
  private readonly free: number[] = [];

  /** Infinity: none. */
  get next(): number {
    return this.heap.next;
  }

  /** Infinity takes it out. */
  set(service: Service, deadline: number): void {
    let slot = this.slots.get(service);
    if (deadline === Infinity) {
      if (slot !== undefined) this.release(service, slot);
      return;
    }
    if (slot === undefined) {
      slot = this.free.pop() ?? this.services.length;
      this.slots.set(service, slot);
      this.services[slot] = service;
    }
    this.heap.set(slot, deadline);
  }

  clear(): void {
    for (const [service, slot] of this.slots) this.release(service, slot);
  }

  /** Takes out those that are due. */
  takeDue(now: number): Service[] {
    const due: Service[] = [];
    for (let slot = this.heap.takeDue(now); slot >= 0; slot = this.heap.takeDue(now)) {
      const service = this.services[slot] as Service;
      this.release(service, slot);
      due.push(service);
    }
    return due;
  }

  private release(service: Service, slot: number): void {
    this.heap.set(slot, Infinity);
    this.slots.delete(service);
    this.free.push(slot);
  }
}
