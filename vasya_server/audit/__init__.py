"""What was done through this server, by whom, with which outcome: written so that nobody can change it unseen.

Scope: `entry` is what a caller may say, `chain` what a line looks like, `file` the file it goes to, `journal` the numbering
and the order of writing, `log` the log as the rest of the program uses it, `reserve` where acts wait that a full disk must
not stop. `verify` shares no code with any of them.
"""
