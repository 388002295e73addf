"""The kinds of folders that a report is made of; each module reads one, within bounds."""
