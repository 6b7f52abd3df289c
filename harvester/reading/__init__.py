"""Reads stored records of every form as lines and rows, in constant memory, and locates each error."""

from harvester.reading.files import RecordFile as RecordFile
from harvester.reading.files import record_files as record_files
from harvester.reading.lines import BadRecord as BadRecord
from harvester.reading.lines import Line as Line
from harvester.reading.lines import lines as lines
from harvester.reading.lines import local_lines as local_lines
from harvester.reading.lines import raw_lines as raw_lines
