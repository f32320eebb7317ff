// What the engine wants of the links of virtual routers: an interface of its own with the virtual MAC address, on
// the interface of the instance. Synchronous; what fails is said in words for people.

import type { MacAddress } from "../core/address.js";

export type VirtualLinkOrder = {
  readonly name: string;
  /** The interface that it lies on. */
  readonly base: string;
  readonly mac: MacAddress;
  /** Whose it is; written on the link, so that people see it and a successor knows it. */
  readonly instance: string;
};

export type VirtualLinks = {
  /**
   * Makes the link, or takes over the one that is there with our mark, and sets what both interfaces need. A new one
   * is switched off. One without our mark is not touched. Gives why not.
   */
  ensure(order: VirtualLinkOrder): string | undefined;
  /** Switched off it neither answers nor takes packets. Gives why not. */
  switch(name: string, up: boolean): string | undefined;
  /** Deletes it, if it is there and has our mark. Gives why not. */
  remove(name: string): string | undefined;
};
