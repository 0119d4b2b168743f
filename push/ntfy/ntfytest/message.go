package ntfytest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Message is what a phone shows: https://docs.ntfy.sh/publish/#publish-as-json.
type Message struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title,omitempty"`
	Message  string   `json:"message"`
	Priority int      `json:"priority,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
	Actions  []Action `json:"actions,omitempty"`
	Sequence string   `json:"sequence_id,omitempty"`
}

// An Action is a button.
type Action struct {
	Action string `json:"action"`
	Label  string `json:"label"`
	URL    string `json:"url"`
	Clear  bool   `json:"clear"`
}

const (
	maxJSON    = 8192 // octets of a body: twice those of a message
	maxMessage = 4096
	maxTitle   = 1024
	maxActions = 3
)

var names = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`) // of topics and sequences

// kept are topics that the server keeps for its own pages.
var kept = []string{"docs", "static", "file", "app", "metrics", "account", "settings", "signup", "login", "v1"}

// answer is what ntfy does.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case (r.Method == http.MethodPost || r.Method == http.MethodPut) && r.URL.Path == "/":
		s.publish(w, r)
	case r.Method == http.MethodDelete && len(path) == 2 && names.MatchString(path[0]) && names.MatchString(path[1]) && !s.Old:
		s.remove(w, r, path[0], path[1])
	default:
		refuse(w, 40401)
	}
}

func (s *Server) publish(w http.ResponseWriter, r *http.Request) {
	var m Message
	size := int(r.ContentLength)
	err := json.NewDecoder(r.Body).Decode(&m)
	number := s.mayWrite(r)
	if s.Old {
		m.Sequence = ""
	}
	switch {
	case size > maxJSON:
		number = 41303
	case err != nil:
		number = 40017
	case !names.MatchString(m.Topic):
		number = 40009
	case slices.Contains(kept, m.Topic):
		number = 40010
	case number != 0:
	case m.Priority < 0 || m.Priority > 5:
		number = 40007
	case len(m.Actions) > maxActions || slices.ContainsFunc(m.Actions, Action.wrong):
		number = 40018
	case len(m.Message) > maxMessage: // it would be an attachment
		number = 41301
	case len(m.Title) > maxTitle || m.Sequence != "" && !names.MatchString(m.Sequence):
		number = 40000
	}
	if number != 0 {
		refuse(w, number)
		return
	}
	if m.Message == "" {
		m.Message = "triggered"
	}
	s.mu.Lock()
	s.shown[m.Topic] = append(s.others(m.Topic, m.Sequence), m)
	s.mu.Unlock()
	said(w, "message", m)
}

func (a Action) wrong() bool {
	u, err := url.Parse(a.URL)
	return a.Action != "view" || a.Label == "" || err != nil || !u.IsAbs()
}

// remove takes a message from the phones.
func (s *Server) remove(w http.ResponseWriter, r *http.Request, topic, sequence string) {
	if number := s.mayWrite(r); number != 0 {
		refuse(w, number)
		return
	}
	s.mu.Lock()
	s.shown[topic] = s.others(topic, sequence)
	s.mu.Unlock()
	said(w, "message_delete", Message{Topic: topic, Sequence: sequence})
}

// others returns what is shown of a topic but for a sequence, "" for all.
func (s *Server) others(topic, sequence string) (messages []Message) {
	for _, m := range s.shown[topic] {
		if sequence == "" || m.Sequence != sequence {
			messages = append(messages, m)
		}
	}
	return messages
}

// said tells what has become of a message.
func said(w http.ResponseWriter, event string, m Message) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(struct {
		ID      string `json:"id"`
		Time    int64  `json:"time"`
		Expires int64  `json:"expires"`
		Event   string `json:"event"`
		Message
	}{rand.Text()[:12], time.Now().Unix(), time.Now().Add(12 * time.Hour).Unix(), event, m})
}

// mayWrite returns the error of somebody who may not write: 40101 for a wrong account, 40301 for
// none.
func (s *Server) mayWrite(r *http.Request) int {
	user, password, basic := r.BasicAuth()
	switch sent := r.Header.Get("Authorization"); {
	case s.Token == "" && s.User == "":
		return 0
	case sent == "":
		return 40301
	case s.Token != "" && sent == "Bearer "+s.Token, basic && s.User != "" && user == s.User && password == s.Password:
		return 0
	}
	return 40101
}
