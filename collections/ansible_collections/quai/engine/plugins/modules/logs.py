"""Documentation of the action quai.engine.logs; it runs on the controller (plugins/action/logs.py)."""

DOCUMENTATION = r"""
module: logs
short_description: Show what the application logged, and follow it
description:
  - The log files on the data volume, which span releases, and what the engine keeps of the output of the application's
    containers, retained ones included. A file is read as far back as the count or the span needs, into those that were
    rotated (C(FILE.1), C(FILE.2.gz), ..., or C(FILE-20260131.gz), ...). A line is shown as C(HOST SOURCE | line) while it is read.
author: Quai
options:
  name: {type: str, required: true, description: "Name of the container that serves."}
  files: {type: list, elements: str, default: [], description: "Log files, as the container sees them; those outside the data are left out."}
  data_path: {type: path, default: /data, description: "Where the container sees the data."}
  directory: {type: path, default: "", description: "Directory of the host that holds the data; empty where only containers see it."}
  register: {type: path, default: "", description: "File by which the host remembers the data; one of its name and C(.path) may name the directory."}
  lines: {type: int, description: "Last lines of each source, as a count; 100, but no limit with C(since)."}
  since: {type: str, default: "", description: "Leave out lines before it: a number with s, m, h or d, or an ISO time; empty for none."}
  up_to: {type: str, default: "", description: "Leave out lines after it; as C(since). Not with C(follow)."}
  follow: {type: bool, default: false, description: "Go on with what is logged from then on."}
  seconds: {type: int, default: 0, description: "Seconds to follow; 0 until interrupted."}
"""
EXAMPLES = r"""
- quai.engine.logs:
    name: web
    files: [/data/myapp.log, /data/access.log]
    directory: /var/lib/myapp/data
    since: 1h
"""
RETURN = r"""
shown: {description: "Source to the number of its lines that were shown.", returned: always, type: dict}
"""
