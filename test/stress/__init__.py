"""The stress driver: many sessions at once, and when all is quiet each TVIEW must equal its view.

Reading order: main (the command line and the loop), arena (one database, its sessions and barriers),
session (one client), scenarios (hand-made schemas and their random changes), generated (the fuzzer's).
"""
