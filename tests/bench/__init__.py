"""Measurements that are run by hand: `script/bench NAME`; docs/performance.md explains each."""
